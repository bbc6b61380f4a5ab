"""JPEG: markers and scans by our own reading, pixels by libjpeg-turbo, whose warnings are heard for each file."""

from cutouts.adapters.images.jpeg.markers import JpegHeader, parse, read_size
from cutouts.adapters.images.jpeg.pixels import read, read_part

__all__ = ["JpegHeader", "parse", "read", "read_part", "read_size"]
