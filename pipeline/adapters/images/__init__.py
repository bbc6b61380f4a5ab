"""Pictures in and out: the one door to the codecs."""

from pipeline.adapters.images.decode import decode
from pipeline.adapters.images.formats import SUFFIXES, is_image
from pipeline.adapters.images.header import decode_bytes, read_size
from pipeline.adapters.images.png.encode import encode_png

__all__ = ["SUFFIXES", "decode", "decode_bytes", "encode_png", "is_image", "read_size"]
