"""BMP, read by our own code from its specification, because the available decoders disagree about its alpha."""

from cutouts.adapters.images.bmp.header import BmpHeader, parse
from cutouts.adapters.images.bmp.pixels import read

__all__ = ["BmpHeader", "parse", "read"]
