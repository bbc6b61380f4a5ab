"""Whole numbers that people write."""

from __future__ import annotations

_DIGITS = 18
"""So many digits fit into 64 bits. Python refuses more than 4,300 in words about its own settings."""


def whole_number(text: str) -> int | None:
    """The number that `text` writes with 1 to 18 ASCII digits; None if it is anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None
