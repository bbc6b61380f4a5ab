"""Recognises the kind of a file by its first bytes; file name suffixes are not trusted."""

from __future__ import annotations

from enum import StrEnum

SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif"}
    | {".bmp", ".dib", ".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"}
)
"""Suffixes of files that count as images, lower case, with the dot."""


class Format(StrEnum):
    """A format that can be decoded; the value is its usual name."""

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
"""Sizes in B of a BMP's information header. Some texts begin with the same two letters as a BMP."""

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
    """The format of `data` by its signature; None if it cannot be decoded. The first 64 B are usually enough."""
    for magic, form in _MAGIC:
        if data.startswith(magic):
            return None if data[8:10] == b"CR" and form is Format.TIFF else form  # Canon's raw files look like TIFF
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[4:8] == b"ftyp":
        return _of_brands(data)
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return Format.BMP
    return None


def unsupported(data: bytes) -> str | None:
    """The name of the format of `data` if it is an image format that we recognise but cannot decode, otherwise None."""
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
    """Whether `data` begins like an image of a known format, even if we cannot decode it. 1,024 B are enough."""
    return sniff(data) is not None or unsupported(data) is not None


def describe(data: bytes) -> str:
    """A description of `data`, which is not an image. It never quotes the content, which may be private."""
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
    """AVIF or HEIC by the compatible brands, because both have the same container and the major brand may be `mif1`."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    brands = [data[8:12], *(data[start : start + 4] for start in range(16, end, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return Format.AVIF
        if brand in _HEIC_BRANDS:
            return Format.HEIC
    return None
