"""BMP, read by ourselves from its specification: decoders at hand disagree about its alpha."""

from cutouts.adapters.images.bmp.header import BmpHeader, parse
from cutouts.adapters.images.bmp.pixels import read

__all__ = ["BmpHeader", "parse", "read"]
