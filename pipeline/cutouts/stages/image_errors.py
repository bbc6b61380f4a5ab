"""Separates errors of one image from errors of the whole run."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from cutouts.core.errors import CutoutsError, ImageRejected, StorageError
from cutouts.core.rejection_reasons import RejectionReason

_EXHAUSTED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""System errors of an exhausted machine (disk space, open files); they would affect every image."""
_LENGTH = 200
"""The largest number of characters of an exception's text in a rejection."""


@contextmanager
def one_image(reason: RejectionReason = RejectionReason.FAILED, *, retryable: bool = False) -> Iterator[None]:
    """Raise every error of an image in this block as ImageRejected.

    Errors that are not about the image pass unchanged: those of the store, the network and the settings, and missing
    libraries. An exhausted machine (no space, too many open files) raises StorageError. A failed allocation has the
    reason NEEDS_MEMORY and is retryable: with fewer images in progress, there may be enough memory.
    """
    try:
        yield
    except (CutoutsError, ImportError):
        raise
    except Exception as error:  # the only place for this: no file may stop the work on the others
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            raise StorageError(f"the work on the images cannot continue: {error}") from error
        if _is_memory(error):
            raise ImageRejected(RejectionReason.NEEDS_MEMORY, _words(error), retryable=True) from error
        raise ImageRejected(reason, _words(error), retryable=retryable) from error


def _is_memory(error: Exception) -> bool:
    """Whether an allocation failed: Python and OpenCV have an error for it, ONNX Runtime and CUDA only a text."""
    if isinstance(error, cv2.error):
        return bool(error.code == cv2.Error.StsNoMem)
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)


def _words(error: Exception) -> str:
    """The class of the exception and the first line of its text."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:_LENGTH]}" if first else type(error).__name__
