"""Which IPTC digital source type a rendition states (IPTC NewsCodes, digitalsourcetype, 2024-09-17)."""

from __future__ import annotations

CAPTURED = frozenset(
    {"digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"}
    | {"humanEdits", "minorHumanEdits", "algorithmicallyEnhanced"}
)
"""Types of pictures that a camera or a scanner took, edited or not."""
CUT_OUT = "algorithmicallyEnhanced"
"""Correction by an algorithm: nothing was generated, and the product's pixels are those of the camera."""
COMPOSITE = "composite"
"""Several elements, any of which may have been generated: nobody said how the picture of the ground was made."""


def rendition_type(stated: str | None, *, on_picture: bool) -> str:
    """The type of a rendition of a photograph that states `stated`; `on_picture` if its ground is another picture.

    A type that says that the photograph was generated or composed stays as it is: a marketplace asks for it.
    """
    if stated is not None and stated not in CAPTURED:
        return stated
    return COMPOSITE if on_picture else CUT_OUT
