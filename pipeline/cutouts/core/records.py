"""The frozen records that travel between steps, processes and tables; one type per state.

ImageRecord → Plan, ShardKey → Mask, MaskMetrics | Rejection → Receipt

Measurements are in `cutouts.core.mask_metrics`, the gate's decisions in `cutouts.core.decisions`, and the catalogue's
records in `cutouts.core.publications`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date as Day  # noqa: N812 -- a field is called date, and its type must not be mistaken for it
from datetime import datetime
from operator import index as whole
from urllib.parse import quote

from cutouts.core.arguments import require_type
from cutouts.core.product_box import ProductBox, content_of
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.text.numbers import whole_number

MAX_KEY = 250
"""Maximum length of a partition key in Airflow (characters)."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DeliveryKey:
    """Names a delivery by the day it was delivered and its id; as text `YYYY-MM-DD/delivery_id`.

    A wrong value is a ValueError, and one of another type a TypeError: also a `datetime`, which is more than a day.
    """

    date: Day
    delivery_id: str

    def __post_init__(self) -> None:
        require_type("date", self.date, Day)
        require_type("delivery_id", self.delivery_id, str)
        if isinstance(self.date, datetime):
            raise TypeError(f"date: expected a day, not {self.date}; its .date() is one")
        if not self.delivery_id.strip():
            raise ValueError("a delivery_id must not be empty")
        if len(str(self)) > MAX_KEY:
            raise ValueError(f"delivery key {str(self)[:60]}… is longer than {MAX_KEY} characters")

    def __str__(self) -> str:
        return f"{self.date.isoformat()}/{self.delivery_id}"

    @classmethod
    def parse(cls, text: str) -> DeliveryKey:
        """Parse `YYYY-MM-DD/delivery_id`. Raises ValueError that says what was expected."""
        require_type("text", text, str)
        day, slash, delivery_id = text.partition("/")
        try:
            if slash and len(day) == len("YYYY-MM-DD"):  # ISO 8601 has shorter forms, and by week
                return cls(date=Day.fromisoformat(day), delivery_id=delivery_id)
        except ValueError as error:
            raise ValueError(f"{text!r} is not a delivery key: {error}") from error
        raise ValueError(f"{text!r} is not a delivery key: expected YYYY-MM-DD/delivery_id")

    @property
    def slug(self) -> str:
        """The key as two folder names, safe on every store and never hidden."""
        name = quote(self.delivery_id, safe="")
        return f"{self.date.isoformat()}/{'%2E' + name[1:] if name.startswith('.') else name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """One row of a manifest. `bytes` in B, sizes in px as stored, `taken_at` in UTC; None if not stated.

    `uri` may contain a signature or a password, so it is not part of the record's repr.
    """

    image_id: str
    product_id: str
    delivery_id: str
    uri: str = field(repr=False)
    sha256: str | None = None
    etag: str | None = None
    bytes: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    category: str | None = None
    taken_at: datetime | None = None
    product_left_px: int | None = None
    product_top_px: int | None = None
    product_right_px: int | None = None
    product_bottom_px: int | None = None
    channels: str | None = None
    model: str | None = None

    @property
    def box(self) -> ProductBox | None:
        """The box that contains the product; None if the row states none."""
        left, top = self.product_left_px, self.product_top_px
        right, bottom = self.product_right_px, self.product_bottom_px
        if left is None or top is None or right is None or bottom is None:
            return None
        return ProductBox(left=left, top=top, right=right, bottom=bottom)

    def boxed(self, box: ProductBox | None) -> ImageRecord:
        """This record with another box, or without one."""
        return replace(
            self,
            product_left_px=None if box is None else box.left,
            product_top_px=None if box is None else box.top,
            product_right_px=None if box is None else box.right,
            product_bottom_px=None if box is None else box.bottom,
        )

    def content(self, sha256: str | None) -> str | None:
        """The name of the content that a photograph with this digest has under this row; None if it is not known."""
        return None if sha256 is None else content_of(sha256, self.box)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeDigests:
    """Everything that changes the pixels, as two digests (hexadecimal sha256, shortened to 16 characters)."""

    matte_digest: str
    render_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNetwork:
    """A network of a plan, its recipe, and the number of shards that it cuts. `model` is its name in the manifest; it
    is empty for the site's own."""

    model: str
    recipe: RecipeDigests
    shards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The work to do for one delivery; `images = todo + known`, and `todo` images are in `shards` row groups.

    `sources` is where its photographs may be read from, besides the places that the site allows: the manifest's own
    folder. If `full`, the delivery is complete: other images that are live under its id are withdrawn.
    `manifest` is where it was read, without secrets, and `code` the version of the code that planned. Both are empty
    for plans of an earlier release. `model` is the network that the delivery asks for, or empty; with `channels`, some
    of its images ask for certain renditions. `second_try_of` names the decisions of the gate that quarantined the
    images, if the plan is a second try of these by the network `model`. If rows ask for different networks, `several`
    has each of them in the order of their shards, and `recipe` and `model` are those of the first. A `partial` plan
    leaves out images of its delivery, so what becomes of it says nothing about the others.
    """

    plan_id: str
    delivery: DeliveryKey
    recipe: RecipeDigests
    images: int
    todo: int
    known: int
    shards: int
    sources: tuple[str, ...] = ()
    full: bool = False
    manifest: str = ""
    code: str = ""
    model: str = ""
    channels: bool = False
    second_try_of: tuple[str, ...] = ()
    several: tuple[PlannedNetwork, ...] = ()
    partial: bool = False

    @property
    def networks(self) -> tuple[PlannedNetwork, ...]:
        """Each network that cuts images of the delivery; nearly always one."""
        return self.several or (PlannedNetwork(model=self.model, recipe=self.recipe, shards=self.shards),)

    def network_of(self, index: int) -> PlannedNetwork:
        """The network that cuts this shard. Raises IndexError if the plan has no such shard."""
        end = 0
        for network in self.networks:
            end += network.shards
            if index < end:
                return network
        raise IndexError(f"plan {self.plan_id} has {self.shards} shards, and none with the index {index}")

    def shard_keys(self) -> tuple[ShardKey, ...]:
        """The key of each shard."""
        return tuple(ShardKey(plan_id=self.plan_id, index=index) for index in range(self.shards))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardKey:
    """Names a shard of a plan; as text `plan_id/index`."""

    plan_id: str
    index: int

    def __post_init__(self) -> None:
        require_type("plan_id", self.plan_id, str)
        whole(self.index)  # raises TypeError

    def __str__(self) -> str:
        return f"{self.plan_id}/{self.index:05d}"

    @classmethod
    def parse(cls, text: str) -> ShardKey:
        """Parse `plan_id/index`. Raises ValueError that says what was expected."""
        require_type("text", text, str)
        plan_id, slash, index = text.partition("/")
        number = whole_number(index)
        if not (slash and plan_id and number is not None):
            raise ValueError(f"{text!r} is not a shard key: expected PLAN_ID/INDEX")
        return cls(plan_id=plan_id, index=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """The record of a stored matte and the cutout made with it; sizes in px of the oriented source."""

    image_id: str
    uri: str
    etag: str | None
    bytes: int | None
    sha256: str
    matte_digest: str
    render_digest: str
    width_px: int
    height_px: int
    mask: str
    cutout: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An image that could not be processed: at which stage, why, and whether trying again can help."""

    image_id: str
    uri: str
    etag: str | None
    bytes: int | None
    sha256: str | None
    matte_digest: str
    render_digest: str
    stage: str
    reason: RejectionReason
    detail: str
    retryable: bool

    @property
    def words(self) -> str:
        """The reason as text for a person."""
        return f"{self.reason.words}: {self.detail}" if self.detail else self.reason.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Written last; if it exists, the shard is done. `images = cut + reused + rejected`.

    Seconds are summed over workers. `reused` are images whose content turned out to be in the ledger when it was read,
    or to be that of another image of the shard. `code` is the version of the code that cut; it is
    empty for receipts of an earlier release.
    """

    plan_id: str
    index: int
    images: int
    cut: int
    reused: int
    rejected: int
    model_batches: int
    prepare_seconds: float
    infer_seconds: float
    finish_seconds: float
    wall_seconds: float
    code: str = ""
