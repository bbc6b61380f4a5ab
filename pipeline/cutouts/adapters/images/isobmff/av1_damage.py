"""Damage in the AV1 data of an AVIF file, as libaom finds it: dav1d, which decodes them, passes over some of it.

libaom is asked through OpenCV. It checks how each tile ends, which nearly every changed bit spoils.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from cutouts.core.errors import ImageRejected
from cutouts.core.records import RejectionReason

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
    """OpenCV writes to the process's stderr what it cannot read, which reaches us as None anyway: silenced."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return "avif" in cv2.getBuildInformation().lower()
