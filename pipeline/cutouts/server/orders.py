"""What passes between the process that talks to clients and the workers that cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cutouts.core.errors import ImageRejected
from cutouts.core.mask_metrics import Measurements
from cutouts.core.product_box import ProductBox
from cutouts.core.rejection_reasons import RejectionReason


class Product(StrEnum):
    """What a client asks for."""

    CUTOUT = "cutout"
    MATTE = "matte"
    RENDITION = "rendition"
    MEASUREMENTS = "measurements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One image file, and what is to be made of it.

    With `crop`, a cutout or matte contains only what was found. `rendition` is the name of a rendition, or "".
    Only what is inside of the `box` is the product, if there is one. A `lone` order began while no other was in
    progress.
    """

    image: bytes
    product: Product
    crop: bool = False
    rendition: str = ""
    box: ProductBox | None = None
    lone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An image that was cut.

    `file` is empty if only measurements were asked for. `width_px` and `height_px` are those of the upright photograph.
    `measured` is None if the image was a cutout already, so that no network was asked; `p_bad` is None then, too, and
    if no calibration holds for the network. `doubt` says what speaks most against a mask that is probably bad.
    `seconds` are those of each part of the work; the network's are those of the whole batch.
    """

    file: bytes
    width_px: int
    height_px: int
    found: bool
    notes: tuple[str, ...]
    measured: Measurements | None
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
