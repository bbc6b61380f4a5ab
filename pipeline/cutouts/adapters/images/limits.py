"""How large and how small a picture may be, judged by its header, before memory is given to it."""

from __future__ import annotations

from cutouts.core.errors import ImageRejected
from cutouts.core.records import RejectionReason

SMALLEST = 8
"""Sides shorter than this (px) cannot show a product."""
LONGEST = 65_535
"""Longest side (px): as in JPEG. Longer ones take memory out of proportion to their pixels."""
BYTES_PER_PIXEL = 32
"""An image may take as many bytes to decode for each pixel that the site allows: plain ones take 6 to 20."""

_ALWAYS = 64 << 20
"""Bytes that any image may take."""


def check_size(size: tuple[int, int], *, max_pixels: int) -> None:
    """Raise ImageRejected if width×height in px is more than allowed, a side is too long, or too short to show much."""
    width, height = size
    if width * height > max_pixels:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"{width}×{height} px, {max_pixels} px are allowed")
    if max(size) > LONGEST:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"{width}×{height} px, {LONGEST} px per side are allowed")
    if min(size) < SMALLEST:
        raise ImageRejected(RejectionReason.TOO_SMALL, f"{width}×{height} px, {SMALLEST} px per side are required")


def check_bytes(needed: int, *, max_pixels: int) -> None:
    """Raise ImageRejected if decoding takes more memory than an image of `max_pixels` may."""
    allowed = BYTES_PER_PIXEL * max_pixels + _ALWAYS
    if needed > allowed:
        words = f"it takes about {needed >> 20} MiB to decode, {allowed >> 20} MiB are allowed"
        raise ImageRejected(RejectionReason.TOO_LARGE, words)
