"""Counts with their noun, for messages."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `0 images`, `12 images`; `plural` is needed if it is not the noun with an s."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"
