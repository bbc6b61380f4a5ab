"""Backfills: which older images to work on again, how much that is, and how far it is. Frozen records."""
