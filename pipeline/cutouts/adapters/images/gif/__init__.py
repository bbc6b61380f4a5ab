"""GIF: read by ourselves, its codes included, since decoders fill what is missing and say nothing."""

from cutouts.adapters.images.gif.blocks import read, read_size

__all__ = ["read", "read_size"]
