"""Colours by the code points of ITU-T H.273: PNG's cICP chunk, and the nclx box of AVIF and HEIC."""

from __future__ import annotations

from cutouts.adapters.images.colour.profiles import BT709, Primaries, matrix_profile
from cutouts.adapters.images.raster import SRGB, Colours

_D65, _C, _E = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3)
_BT601: Primaries = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
PRIMARIES: dict[int, Primaries] = {
    1: BT709,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _BT601,
    7: _BT601,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""Primaries by code point. 10 (XYZ itself) is left out because no pictures are stored in it."""
PQ, HLG = 16, 18
_SRGB_LIKE = frozenset({1, 6, 7, 11, 12, 13, 14, 15})
"""Transfers that are shown as sRGB, as in all common viewers: its own, and those of television, whose displays and
cameras have different curves."""
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
UNSPECIFIED = 2


def colours_of_code_points(primaries: int, transfer: int) -> Colours:
    """The colours for these code points. Unspecified ones count as sRGB's; unknown ones as well, with a note."""
    primaries = 1 if primaries == UNSPECIFIED else primaries
    transfer = 13 if transfer == UNSPECIFIED else transfer
    place = PRIMARIES.get(primaries)
    if place is None or transfer not in _SRGB_LIKE | _POWERS.keys() | {PQ, HLG}:
        words = f"its colours are of an unknown type (primaries {primaries}, transfer {transfer}): treated as sRGB"
        return Colours(notes=(words,))
    if transfer in (PQ, HLG):
        return Colours(hdr=(primaries, transfer))
    if primaries == 1 and transfer in _SRGB_LIKE:
        return SRGB
    return Colours(profile=matrix_profile(place, _POWERS.get(transfer)))
