"""What kind of file some bytes are, told from their first bytes alone; a suffix is never believed."""

from __future__ import annotations

from enum import StrEnum

SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".avifs", ".heic", ".heif", ".hif"}
    | {".tif", ".tiff", ".gif", ".bmp", ".dib"}
)
"""Suffixes of the files that are taken for images, lower case, with the dot."""


class Format(StrEnum):
    """A format that can be decoded; the value is its name as a person says it."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    AVIF = "AVIF"
    HEIC = "HEIC"
    TIFF = "TIFF"
    GIF = "GIF"
    BMP = "BMP"


_MAGIC = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0", Format.TIFF),
    (b"MM\0+", Format.TIFF),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes in B of the information headers that a BMP may have; two letters alone would take many a text for one."""

_UNSUPPORTED = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"\0\0\1\0", "icon (ICO)"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"DDS ", "DirectDraw surface (DDS)"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"IIRO", "camera raw"),
    (b"IIU\0", "camera raw"),
    (b"<svg", "SVG"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"qoif", "QOI"),
)
_OTHERS = (
    (b"%PDF", "it is a PDF document"),
    (b"PK\3\4", "it is a ZIP archive or an office document"),
    (b"<!doctype html", "it is a web page"),
    (b"<html", "it is a web page"),
    (b"\x1aE\xdf\xa3", "it is a video"),
)


def sniff(data: bytes) -> Format | None:
    """The format of `data` by its signature; None if it is none that can be decoded. The first 64 B suffice."""
    for magic, form in _MAGIC:
        if data.startswith(magic):
            return None if data[8:10] == b"CR" and form is Format.TIFF else form  # Canon's raw poses as a TIFF
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[4:8] == b"ftyp":
        return _of_brands(data)
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return Format.BMP
    return None


def unsupported(data: bytes) -> str | None:
    """The name of the image format that `data` has if it is one that we do not decode; None if it is not an image."""
    if data[4:8] == b"ftyp":
        return "camera raw" if data[8:11] == b"crx" else None
    if data[:2] in (b"II", b"MM") and data[8:10] == b"CR":
        return "camera raw"
    start = data.lstrip()[:1024]
    for magic, name in _UNSUPPORTED:
        if data.startswith(magic) or (magic == b"<svg" and start.startswith(b"<") and magic in start):
            return name
    return None


def is_image(data: bytes) -> bool:
    """Whether `data` begins as an image of a known format, also of one that cannot be decoded. 1,024 B suffice."""
    return sniff(data) is not None or unsupported(data) is not None


def describe(data: bytes) -> str:
    """In words what kind of thing `data`, which is not an image, is; never what it says, which may be private."""
    start = data[:64].lstrip().lower()
    for magic, words in _OTHERS:
        if start.startswith(magic.lower()):
            return words
    if data[4:8] == b"ftyp":
        return "it is a video or another media file"
    if not data.strip(b"\0"):
        return "it holds only zero bytes"
    if data[:512].isascii() and b"\0" not in data[:512]:
        return "it is text"
    return "its first bytes are not those of an image format"


def _of_brands(data: bytes) -> Format | None:
    """AVIF and HEIC share a container and, as major brand, `mif1`; the compatible brands tell them apart."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    brands = [data[8:12], *(data[start : start + 4] for start in range(16, end, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return Format.AVIF
        if brand in _HEIC_BRANDS:
            return Format.HEIC
    return None
