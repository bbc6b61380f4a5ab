"""The figures of a finished file: its header, and its pixels as other programs decode them."""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from pathlib import PurePosixPath

from PIL import Image, ImageCms

from cutouts.adapters.images.decode import decode
from cutouts.adapters.images.formats import Format, sniff
from cutouts.core.channels.figures import FileFigures, PictureFigures, measure_picture

_SUFFIXES = {
    Format.JPEG: {".jpg", ".jpeg"},
    Format.PNG: {".png"},
    Format.WEBP: {".webp"},
    Format.AVIF: {".avif"},
    Format.HEIC: {".heic", ".heif"},
    Format.TIFF: {".tif", ".tiff"},
    Format.GIF: {".gif"},
    Format.BMP: {".bmp"},
}
_COLOURS = {"L": "grey", "LA": "grey", "I;16": "grey", "1": "grey", "P": "palette", "CMYK": "cmyk", "LAB": "lab"}


def figures_of(data: bytes, name: str, *, max_pixels: int) -> FileFigures:
    """The figures of the file with this name. Raises ImageRejected if it cannot be decoded."""
    picture = decode(data, max_pixels=max_pixels)
    measured = measure_picture(picture.rgb, picture.alpha)
    width, height = picture.size
    form, suffix = sniff(data), PurePosixPath(name).suffix.lower()
    mode, profile, dpi = _header(data)
    return FileFigures(
        name=name,
        width_px=width,
        height_px=height,
        longest_px=max(width, height),
        shortest_px=min(width, height),
        sum_px=width + height,
        megapixels=width * height / 1e6,
        aspect=width / height,
        bytes=len(data),
        format=form.value if form else "unknown",
        suffix=suffix,
        suffix_matches="yes" if form and suffix in _SUFFIXES[form] else "no",
        colours=_COLOURS.get(mode, "rgb"),
        bits=_bits(data, form, mode),
        profile=profile,
        dpi=dpi,
        **{one.name: getattr(measured, one.name) for one in fields(PictureFigures)},
    )


def _header(data: bytes) -> tuple[str, str, float]:
    """Pillow's mode, the profile (sRGB, none, or its description), and the density in dpi; 0 if none is stated."""
    try:
        with Image.open(BytesIO(data)) as image:
            dpi = image.info.get("dpi", (0.0, 0.0))
            return image.mode, _profile(image), float(min(dpi))
    except OSError:  # HEIC needs a plugin
        return "RGB", "unknown", 0.0


def _bits(data: bytes, form: Format | None, mode: str) -> int:
    """Bits per channel. Pillow reduces the colours of a PNG to 8 bits, so its own header counts."""
    if form is Format.PNG:
        return data[24]
    return 16 if "16" in mode or mode in ("I", "F") else 8


def _profile(image: Image.Image) -> str:
    stored = image.info.get("icc_profile")
    if not stored:
        return "sRGB" if "srgb" in image.info else "none"
    try:
        words = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(stored))).strip()
    except ImageCms.PyCMSError:
        return "damaged"
    return "sRGB" if "srgb" in words.lower() else words or "unnamed"
