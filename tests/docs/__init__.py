"""The documentation is compared with the code."""
