"""The folder of a run: claimed, filled and linked."""
