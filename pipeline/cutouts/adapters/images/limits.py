"""Limits on the size of a picture, checked by its header before memory is allocated for it."""

from __future__ import annotations

from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

SMALLEST = 8
"""Sides shorter than this (px) cannot show a product."""
LONGEST = 65_535
"""Longest side (px), as in JPEG. Longer sides need memory out of proportion to the pixels."""
BYTES_PER_PIXEL = 32
"""Decoding may need this many bytes for each pixel that the site allows. Ordinary images need 6 to 20."""

_ALWAYS = 64 << 20
"""Bytes that decoding any image may need in addition."""


def check_size(size: tuple[int, int], *, max_pixels: int) -> None:
    """Raise ImageRejected if `size` (width and height in px) has too many pixels, or a too long or too short side."""
    width, height = size
    if width * height > max_pixels:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"{width}×{height} px, {max_pixels} px are allowed")
    if max(size) > LONGEST:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"{width}×{height} px, {LONGEST} px per side are allowed")
    if min(size) < SMALLEST:
        raise ImageRejected(RejectionReason.TOO_SMALL, f"{width}×{height} px, {SMALLEST} px per side are required")


def check_bytes(needed: int, *, max_pixels: int) -> None:
    """Raise ImageRejected if decoding needs more memory (B) than is allowed for an image of `max_pixels`."""
    allowed = BYTES_PER_PIXEL * max_pixels + _ALWAYS
    if needed > allowed:
        words = f"it takes about {needed >> 20} MiB to decode, {allowed >> 20} MiB are allowed"
        raise ImageRejected(RejectionReason.TOO_LARGE, words)
