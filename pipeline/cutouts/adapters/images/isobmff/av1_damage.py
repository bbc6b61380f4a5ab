"""Finds damage in the AV1 data of an AVIF file with libaom, because dav1d, which decodes them, ignores some of it.

libaom is used through OpenCV. It checks the end of each tile, which nearly every changed bit spoils.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

UNCHECKED = "its pixels could not be checked for damage (OpenCV was built without AVIF)"


def damage(data: bytes) -> tuple[str, ...]:
    """A note if the pixels cannot be checked. Raises ImageRejected if libaom finds them damaged."""
    if not _available():
        return (UNCHECKED,)
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        found = None
    if found is None:
        raise ImageRejected(RejectionReason.DAMAGED, "AVIF: its compressed pixels are damaged")
    return ()


@cache
def _available() -> bool:
    """Whether OpenCV can read AVIF. This also silences OpenCV's log: it writes to stderr about data it cannot read."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return "avif" in cv2.getBuildInformation().lower()
