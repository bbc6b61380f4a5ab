"""AVIF and HEIC: boxes read by our own code, pixels by dav1d and libde265 through Pillow and pillow-heif."""

from cutouts.adapters.images.isobmff.items import Container, parse

__all__ = ["Container", "parse"]
