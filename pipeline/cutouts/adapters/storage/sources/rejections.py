"""The rejections of photographs that could not be read.

All of them are retryable. The bytes are not known, so a rejection cannot be stored by content, and a changed setting
applies at the next run.
"""

from __future__ import annotations

from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Reading


def missing(what: object) -> ImageRejected:
    """The photograph does not exist."""
    return ImageRejected(RejectionReason.MISSING, str(what), retryable=True)


def unreadable(what: object, why: object) -> ImageRejected:
    """The photograph exists, or should, but its bytes cannot be read."""
    return ImageRejected(RejectionReason.UNREADABLE, f"{what}: {why}", retryable=True)


def too_large(reading: Reading, size: int | None = None) -> ImageRejected:
    """The photograph has `size` B, or (if None) more than may be read."""
    found = f"more than {reading.max_bytes} B" if size is None else f"{size} B, {reading.max_bytes} B"
    return ImageRejected(RejectionReason.TOO_LARGE, f"{found} are allowed", retryable=True)


def not_allowed(words: str, prefix: str | None = None) -> ImageRejected:
    """The site does not allow the source; adding `prefix`, if given, to `allowed_sources` would allow it."""
    advice = f'; if it may be read, add "{prefix}" to allowed_sources' if prefix else ""
    return ImageRejected(RejectionReason.NOT_ALLOWED, f"{words}{advice}", retryable=True)
