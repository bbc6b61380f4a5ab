"""The figures of a finished file: its header, and its pixels as other programs decode them."""

from __future__ import annotations

from dataclasses import dataclass, fields
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
    header = _header(data)
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
        colours=_COLOURS.get(header.mode, "rgb"),
        bits=_bits(data, form, header.mode),
        profile=header.profile,
        animated="yes" if header.animated else "no",
        dpi=header.dpi,
        **{one.name: getattr(measured, one.name) for one in fields(PictureFigures)},
    )


@dataclass(frozen=True, slots=True)
class _Header:
    """Pillow's mode, the profile (sRGB, none, or its description), whether there are several frames, and the density
    in dpi; 0 if none is stated."""

    mode: str = "RGB"
    profile: str = "unknown"
    animated: bool = False
    dpi: float = 0.0


def _header(data: bytes) -> _Header:
    try:
        with Image.open(BytesIO(data)) as image:
            dpi = image.info.get("dpi", (0.0, 0.0))
            frames = image.format != "MPO" and getattr(image, "is_animated", False)  # of cameras: a JPEG with a preview
            return _Header(image.mode, _profile(image), frames, float(min(dpi)))
    except OSError:  # HEIC needs a plugin
        return _Header()


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
