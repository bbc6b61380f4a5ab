"""JPEG: markers and scans read by our own code, pixels by libjpeg-turbo, with its warnings for each file."""

from cutouts.adapters.images.jpeg.markers import JpegHeader, parse, read_size
from cutouts.adapters.images.jpeg.pixels import read, read_part

__all__ = ["JpegHeader", "parse", "read", "read_part", "read_size"]
