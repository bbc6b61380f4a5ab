"""What passes between the process that talks to clients and the workers that cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cutouts.core.errors import ImageRejected
from cutouts.core.records import Measurements, RejectionReason


class Product(StrEnum):
    """What a client asks for."""

    CUTOUT = "cutout"
    MATTE = "matte"
    MEASUREMENTS = "measurements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One image file, and what is to be made of it; with `crop`, the PNG contains only what was found."""

    image: bytes
    product: Product
    crop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An image that was cut.

    `png` is empty if only measurements were asked for. `width_px` and `height_px` are those of the upright photograph.
    `p_bad` is None if no calibration holds for the network; `doubt` says what speaks most against a mask that is
    probably bad. `seconds` are those of each part of the work; the network's are those of the whole batch.
    """

    png: bytes
    width_px: int
    height_px: int
    found: bool
    notes: tuple[str, ...]
    measured: Measurements
    p_bad: float | None
    doubt: str | None
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An image that cannot be cut, and why."""

    reason: RejectionReason
    detail: str
    retryable: bool

    @classmethod
    def of(cls, error: ImageRejected) -> Refusal:
        """The refusal that an error means."""
        return cls(reason=error.reason, detail=error.detail, retryable=error.retryable)
