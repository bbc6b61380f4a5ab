"""Decodes and encodes pictures: the only door to the codecs."""

from cutouts.adapters.images.decode import decode, decode_native
from cutouts.adapters.images.formats import SUFFIXES, is_image
from cutouts.adapters.images.header import decode_bytes, read_size
from cutouts.adapters.images.in_memory import is_pillow, of_array, of_pillow
from cutouts.adapters.images.png.encode import encode_png

__all__ = [
    "SUFFIXES",
    "decode",
    "decode_bytes",
    "decode_native",
    "encode_png",
    "is_image",
    "is_pillow",
    "of_array",
    "of_pillow",
    "read_size",
]
