"""GIF, read by our own code including its LZW codes, because decoders silently fill in missing pixels."""

from cutouts.adapters.images.gif.blocks import read, read_size

__all__ = ["read", "read_size"]
