"""Converts colours to sRGB from the colour space that a file states, and sRGB to the colours of a profile."""

from cutouts.adapters.images.colour.codepoints import colours_of_code_points
from cutouts.adapters.images.colour.management import UNMANAGED_CMYK, from_srgb, is_usable, light_of, to_srgb
from cutouts.adapters.images.colour.profiles import colours_of_gamma

__all__ = [
    "UNMANAGED_CMYK",
    "colours_of_code_points",
    "colours_of_gamma",
    "from_srgb",
    "is_usable",
    "light_of",
    "to_srgb",
]
