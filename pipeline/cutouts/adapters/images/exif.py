"""The orientation and the colours of a picture according to its EXIF block, which is a TIFF structure."""

from __future__ import annotations

from cutouts.adapters.images.raster import SRGB, Colours
from cutouts.adapters.images.tiff.directory import ORIENTATION, Directory, open_directory

_EXIF, _INTEROPERABILITY = 0x8769, 0xA005
_COLOUR_SPACE, _INDEX = 0xA001, 1
_UNCALIBRATED = 0xFFFF
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.3290))
ADOBE_GAMMA = 563 / 256


def orientation(block: bytes) -> int:
    """The orientation, 1…8, in an EXIF block with or without its `Exif` header; 1 if it states none."""
    value = _first(block).number(ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def colours(block: bytes) -> Colours:
    """The colours of a picture without a profile. Cameras state Adobe RGB only in EXIF (DCF 2.0, option file)."""
    camera = _first(block).inner(_EXIF)
    if camera.number(_COLOUR_SPACE, 1) not in (2, _UNCALIBRATED):
        return SRGB
    if camera.number(_COLOUR_SPACE, 1) != 2 and camera.inner(_INTEROPERABILITY).text(_INDEX)[:3] != b"R03":
        return Colours(notes=("its EXIF says that its colours are not sRGB, but not what they are: treated as sRGB",))
    from cutouts.adapters.images.colour.profiles import matrix_profile

    return Colours(profile=matrix_profile(ADOBE_RGB, ADOBE_GAMMA))


def _first(block: bytes) -> Directory:
    return open_directory(block.removeprefix(b"Exif\0\0"))
