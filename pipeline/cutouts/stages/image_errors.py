"""The border between one image and all others: which exceptions are about one image, and which are about the run."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from cutouts.core.errors import CutoutsError, ImageRejected, StorageError
from cutouts.core.records import RejectionReason

_EXHAUSTED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""What the system says when the machine has run out of something: every image would meet it."""
_LENGTH = 200
"""Characters of an exception's text that go into a rejection."""


@contextmanager
def one_image(reason: RejectionReason = RejectionReason.FAILED, *, retryable: bool = False) -> Iterator[None]:
    """Whatever goes wrong with an image in this block is raised as ImageRejected.

    Errors that are not about the image pass through as they are: those of the store, the network and the settings, a
    library that is missing. An exhausted machine (no space, too many open files) is a StorageError. Memory that could
    not be obtained is the reason NEEDS_MEMORY, retryable: beside fewer images there may be enough.
    """
    try:
        yield
    except (CutoutsError, ImportError):
        raise
    except Exception as error:  # the one border: no file may stop the work on the others
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            raise StorageError(f"the work on the images cannot continue: {error}") from error
        if _is_memory(error):
            raise ImageRejected(RejectionReason.NEEDS_MEMORY, _words(error), retryable=True) from error
        raise ImageRejected(reason, _words(error), retryable=retryable) from error


def _is_memory(error: Exception) -> bool:
    """Whether memory was asked for that is not there: said by Python, OpenCV, or in words by ONNX Runtime and CUDA."""
    if isinstance(error, cv2.error):
        return bool(error.code == cv2.Error.StsNoMem)
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)


def _words(error: Exception) -> str:
    """The class of the exception and the first line of its text."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:_LENGTH]}" if first else type(error).__name__
