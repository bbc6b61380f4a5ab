"""WebP by libwebp and AVIF by libaom, both through Pillow."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from cutouts.adapters.images.colour.profiles import srgb_profile
from cutouts.core.pixels import Bytes


def encode_webp(pixels: Bytes, quality: int | None, *, profile: bytes, xmp: bytes, slow: bool = False) -> bytes:
    """A WebP of uint8 H×W×3 or H×W×4; lossless if `quality` is None. The alpha of a lossy one is lossless."""
    stream = BytesIO()
    how: dict[str, object] = {
        "lossless": True,
        "quality": 100 if slow else 60,
        "method": 6 if slow else 4,
        "exact": True,
    }
    if quality is not None:
        how = {"quality": quality, "alpha_quality": 100, "method": 4}
    Image.fromarray(pixels).save(stream, "WEBP", icc_profile=profile or srgb_profile(), xmp=xmp, **how)
    return stream.getvalue()


def encode_avif(pixels: Bytes, quality: int, *, profile: bytes, xmp: bytes) -> bytes:
    """An AVIF of uint8 H×W×3 or H×W×4 with colours at full resolution. One thread, so equal pixels give equal files."""
    stream = BytesIO()
    Image.fromarray(pixels).save(
        stream,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        speed=6,
        max_threads=1,
        icc_profile=profile or srgb_profile(),
        xmp=xmp,
    )
    return stream.getvalue()
