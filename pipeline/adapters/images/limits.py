"""How large and how small a picture may be."""

from __future__ import annotations

from pipeline.core.errors import ImageRejected
from pipeline.core.records import RejectionReason

SMALLEST = 8
"""Sides shorter than this (px) cannot show a product."""


def check_size(size: tuple[int, int], *, max_pixels: int) -> None:
    """Raise ImageRejected where width×height in px is more than allowed or too small to show anything."""
    width, height = size
    if width * height > max_pixels:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"{width}×{height} px, {max_pixels} px are allowed")
    if min(size) < SMALLEST:
        raise ImageRejected(RejectionReason.TOO_SMALL, f"{width}×{height} px, {SMALLEST} px a side are needed")
