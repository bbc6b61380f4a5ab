"""Why single images cannot be processed."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class RejectionReason(StrEnum):
    """Why an image could not be processed; `words` say it to a person."""

    words: str

    def __new__(cls, value: str, words: str) -> Self:
        """A member whose value is its name in tables."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.words = words
        return reason

    MISSING = "missing", "the file is not there"
    UNREADABLE = "unreadable", "the file cannot be read"
    EMPTY = "empty", "the file is empty"
    NOT_AN_IMAGE = "not_an_image", "the file is not an image"
    UNSUPPORTED = "unsupported", "the image format is not supported"
    TRUNCATED = "truncated", "the image is truncated"
    DAMAGED = "damaged", "the image is damaged"
    TOO_LARGE = "too_large", "the image is too large"
    PICTURE_TOO_LARGE = "picture_too_large", "the picture that was asked for would be too large"
    TOO_SMALL = "too_small", "the image is too small"
    CHANGED = "changed", "the file does not match the manifest"
    BOX_OUTSIDE = "box_outside", "the box of the product is not inside the image"
    NEEDS_MEMORY = "needs_memory", "the image needs too much memory"
    TOO_SLOW = "too_slow", "the image took too long"
    CRASHED = "crashed", "the image crashed the worker"
    FAILED = "failed", "the image could not be processed"
    NOT_ALLOWED = "not_allowed", "the site does not allow this source"
