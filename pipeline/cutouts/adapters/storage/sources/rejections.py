"""Why a photograph was not read, as rejections.

All of them can be tried again: nothing is known of bytes that were not read, so none may be remembered by its content,
and a setting that is changed counts at the next run.
"""

from __future__ import annotations

from cutouts.core.errors import ImageRejected
from cutouts.core.records import RejectionReason
from cutouts.core.sources.locations import Reading


def missing(what: object) -> ImageRejected:
    """It is not there."""
    return ImageRejected(RejectionReason.MISSING, str(what), retryable=True)


def unreadable(what: object, why: object) -> ImageRejected:
    """It is there, or should be, and its bytes cannot be obtained."""
    return ImageRejected(RejectionReason.UNREADABLE, f"{what}: {why}", retryable=True)


def too_large(reading: Reading, size: int | None = None) -> ImageRejected:
    """It has `size` B, or (None) more than may be read."""
    found = f"more than {reading.max_bytes} B" if size is None else f"{size} B, {reading.max_bytes} B"
    return ImageRejected(RejectionReason.TOO_LARGE, f"{found} are allowed", retryable=True)


def not_allowed(words: str, prefix: str | None = None) -> ImageRejected:
    """The site does not allow its source; `prefix`, if there is one, would."""
    advice = f'; if it may be read, add "{prefix}" to allowed_sources' if prefix else ""
    return ImageRejected(RejectionReason.NOT_ALLOWED, f"{words}{advice}", retryable=True)
