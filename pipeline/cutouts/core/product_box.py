"""The box that says which thing in a photograph is the product, and the name of a content with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING

from cutouts.core.text.display import shown
from cutouts.core.text.numbers import whole_number

if TYPE_CHECKING:  # every command reads this file, and `cutouts --help` must not wait for OpenCV
    from cutouts.core.pixels import Bytes

BOXED = "-box-"
"""The separator between the digest of a photograph and its box in the name of a content."""
MARGIN = 0.15
"""Share of the longer side of a box that the network sees around it, so that it sees that the product ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductBox:
    """The part of the upright photograph that contains the product (px); `right` and `bottom` are outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if min(self.left, self.top) < 0 or self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"{self} is not a box: expected 0 ≤ left < right and 0 ≤ top < bottom, in px")

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.right},{self.bottom}"

    @classmethod
    def of(cls, sides: Sequence[int]) -> ProductBox:
        """The box with these sides: left, top, right, bottom. Raises ValueError that says what was expected."""
        try:
            left, top, right, bottom = map(index, sides)
        except (TypeError, ValueError):
            told = "a box has four whole numbers: left, top, right and bottom in px"
            raise ValueError(f"{shown(repr(sides))} is not a box: {told}") from None
        return cls(left=left, top=top, right=right, bottom=bottom)

    @classmethod
    def parse(cls, text: str) -> ProductBox:
        """Parse `LEFT,TOP,RIGHT,BOTTOM`. Raises ValueError that says what was expected."""
        sides = [side for part in text.split(",") if (side := whole_number(part.strip())) is not None]
        if len(sides) != 4 or text.count(",") != 3:
            raise ValueError(f"{shown(text)} is not a box: expected LEFT,TOP,RIGHT,BOTTOM in px")
        return cls.of(sides)

    def is_inside(self, size: tuple[int, int]) -> bool:
        """Whether a photograph of this width and height contains the whole box."""
        return self.right <= size[0] and self.bottom <= size[1]

    def seen(self, size: tuple[int, int]) -> ProductBox:
        """What the network looks at in a photograph of this size: the box and a margin."""
        margin = round(MARGIN * max(self.right - self.left, self.bottom - self.top))
        return ProductBox(
            left=max(0, self.left - margin),
            top=max(0, self.top - margin),
            right=min(size[0], self.right + margin),
            bottom=min(size[1], self.bottom + margin),
        )

    @property
    def area(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def only(self, matte: Bytes) -> Bytes:
        """`matte`, uint8 H×W, without what is outside of the box."""
        import numpy as np

        result = np.zeros_like(matte)
        result[self.area] = matte[self.area]
        return result


def content_of(sha256: str, box: ProductBox | None) -> str:
    """The name of a content: the digest of its photograph, and its box if there is one."""
    return sha256 if box is None else f"{sha256}{BOXED}{str(box).replace(',', '-')}"


def photograph_of(content: str) -> str:
    """The digest of the photograph of a content."""
    return content.partition(BOXED)[0]


def box_of(content: str) -> ProductBox | None:
    """The box of a content; None if it has none."""
    _, boxed, numbers = content.partition(BOXED)
    return ProductBox.parse(numbers.replace("-", ",")) if boxed else None
