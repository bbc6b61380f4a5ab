"""Reads photographs from disk, object stores and the web, only from allowed sources, bounded in size and time."""
