"""BMP, read by ourselves from its specification: decoders at hand disagree about its alpha."""

from pipeline.adapters.images.bmp.header import BmpHeader, parse
from pipeline.adapters.images.bmp.pixels import read

__all__ = ["BmpHeader", "parse", "read"]
