"""Encodes renditions: JPEG, PNG, WebP and AVIF, within a size, with a profile, and with nothing private in them."""

from cutouts.adapters.images.encoding.encode import Encoded, encode
from cutouts.adapters.images.encoding.source_type import source_type_of

__all__ = ["Encoded", "encode", "source_type_of"]
