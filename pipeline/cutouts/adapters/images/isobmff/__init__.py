"""AVIF and HEIC: their boxes by our own reading, their pixels by dav1d and libde265, through Pillow and pillow-heif."""

from cutouts.adapters.images.isobmff.items import Container, parse

__all__ = ["Container", "parse"]
