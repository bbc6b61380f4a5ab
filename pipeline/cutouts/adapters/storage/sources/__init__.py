"""Photographs from disk, object stores and the web: read only from allowed sources, bounded in size and time."""
