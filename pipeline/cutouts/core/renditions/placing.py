"""Where the product is in the frame of a rendition, and how large the frame is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cutouts.core.pixels import VISIBLE, Bytes
from cutouts.core.renditions.rendition import Rendition


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """`source` is the part of the photograph that is drawn, `target` where it is drawn in a frame of `width_px`×
    `height_px`. `notes` say what is not as the rendition asks."""

    width_px: int
    height_px: int
    source: Box
    target: Box
    notes: tuple[str, ...] = ()


def product_box(alpha: Bytes) -> Box | None:
    """The bounding box of the visible pixels of `alpha`, uint8 H×W; None if there are none."""
    left, top, width, height = cv2.boundingRect((alpha >= VISIBLE).astype(np.uint8))
    return Box(left=left, top=top, width=width, height=height) if width else None


def place(source: Box, rendition: Rendition) -> Placement:
    """Place the part `source` of a photograph in the frame of a rendition."""
    frame, scale = _frame(source, rendition)
    size = tuple(min(side, max(1, round(scale * own))) for side, own in zip(frame, _sides(source), strict=True))
    share = rendition.fill_share
    left = _offset(frame[0] - size[0], share, frame[0], rendition.position, "left", "right")
    top = _offset(frame[1] - size[1], share, frame[1], rendition.position, "top", "bottom")
    return Placement(
        width_px=frame[0],
        height_px=frame[1],
        source=source,
        target=Box(left=left, top=top, width=size[0], height=size[1]),
        notes=_notes(source, rendition, frame, scale),
    )


def _sides(box: Box) -> tuple[int, int]:
    return box.width, box.height


def _frame(source: Box, rendition: Rendition) -> tuple[tuple[int, int], float]:
    """The frame's size in px, and the scale at which the source is drawn."""
    share = rendition.fill_share
    if exact := rendition.exact_size:
        scale = share * min(exact[0] / source.width, exact[1] / source.height)
        return exact, scale if rendition.enlarge else min(1.0, scale)
    width, height = _own_frame(source, share, rendition.aspect)
    scale = rendition.max_side_px / max(width, height) if rendition.max_side_px else 1.0
    scale = scale if rendition.enlarge else min(1.0, scale)
    return (max(1, round(scale * width)), max(1, round(scale * height))), scale


def _own_frame(source: Box, share: float, aspect: float | None) -> tuple[float, float]:
    """The frame around the source at its own scale: with the aspect, or with equal margins on all sides."""
    if aspect is not None:
        width = max(source.width / share, source.height / share * aspect)
        return width, width / aspect
    margins = max(_sides(source)) * (1 - share) / share
    return source.width + margins, source.height + margins


def _offset(free: int, share: float, side: int, position: str, first: str, last: str) -> int:
    """Where the source begins along one axis, if `free` px beside it are free."""
    margin = min(free, round((1 - share) / 2 * side))
    if first in position:
        return margin
    return free - margin if last in position else free // 2


def _notes(source: Box, rendition: Rendition, frame: tuple[int, int], scale: float) -> tuple[str, ...]:
    """What a person should know if the source is too small for the rendition."""
    if rendition.enlarge or scale < 1:
        return ()
    small = f"the product is only {max(_sides(source))} px long and is not enlarged"
    if rendition.exact_size:
        filled = max(source.width / frame[0], source.height / frame[1])
        asked = rendition.fill_share
        return (f"{small}: it fills {filled:.0%} of the frame instead of {asked:.0%}",) if filled < asked - 0.01 else ()
    if rendition.max_side_px and max(frame) < rendition.max_side_px:
        return (f"{frame[0]}×{frame[1]} px, because {small}",)
    return ()
