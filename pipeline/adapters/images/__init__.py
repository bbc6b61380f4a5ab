"""Pictures in and out: the one door to OpenCV's, Pillow's and ISA-L's codecs."""

from pipeline.adapters.images.decode import decode
from pipeline.adapters.images.formats import SUFFIXES, is_image
from pipeline.adapters.images.header import read_size
from pipeline.adapters.images.png import encode_png

__all__ = ["SUFFIXES", "decode", "encode_png", "is_image", "read_size"]
