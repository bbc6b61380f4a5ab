"""The frozen records of the catalogue.

GateDecision → CatalogEntry, Draft → Publication, or Hold → Approval → Publication or HoldRejection; Publication →
Announcement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.core.text.display import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One published image in the catalogue; `cutout` and `mask` are object names."""

    image_id: str
    product_id: str
    delivery: DeliveryKey
    cutout: str
    mask: str
    sha256: str
    recipe: RecipeDigests
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's release of a held delivery: of exactly the content, recipe and suite with the digest `judged`."""

    judged: str
    gate_id: str
    delivery: DeliveryKey
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRejection:
    """A person's decision that a held delivery is never published: exactly what has the digest `judged`."""

    judged: str
    gate_id: str
    delivery: DeliveryKey
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A delivery that the gate held, and why. It waits for a person's approval of what has the digest `judged`."""

    judged: str
    gate_id: str
    plan_id: str
    delivery: DeliveryKey
    reasons: tuple[str, ...]
    at: datetime

    @property
    def words(self) -> str:
        """One line: which delivery, since when, why."""
        return f"{self.delivery}, held {self.at:%Y-%m-%d %H:%M} UTC: {'; '.join(self.reasons)}"


class PublicationKind(StrEnum):
    """How a publication came to be: by the gate, or by a person who went back, withdrew images or forgot them."""

    PUBLISH = "publish"
    ROLLBACK = "rollback"
    WITHDRAW = "withdraw"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A person's order to change what is live: who gave it, why and when (aware)."""

    by: str
    because: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which images are meant: those of a delivery id, of a product, of an image id; of several, those of all."""

    delivery_id: str | None = None
    product_id: str | None = None
    image_id: str | None = None

    def __post_init__(self) -> None:
        if not self.given:
            raise ValueError("a selection names a delivery, a product or an image")

    @property
    def given(self) -> dict[str, str]:
        """What is named, by column."""
        values = {name: getattr(self, name) for name in ("delivery_id", "product_id", "image_id")}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def words(self) -> str:
        """The selection in words."""
        return ", ".join(f"{name.removesuffix('_id')} {shown(value)}" for name, value in self.given.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A publication that has not been made yet; `at` is aware.

    It is made only if the delivery id is still in the version `against`; None accepts any. If `withdraw` is given, even
    if empty, the delivery is full: these images are withdrawn unless a later day delivered them, and deliveries of
    earlier days are superseded. The `approval` is of this or an earlier gate for the same delivery, the `order` of the
    person who released quarantined images. If it is `partial`, it is of some images of the delivery, and settles no
    hold of it.
    """

    gate_id: str
    plan_id: str
    delivery: DeliveryKey
    at: datetime
    against: int | None = None
    approval: Approval | None = None
    withdraw: tuple[str, ...] | None = None
    order: Order | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A version of an image that a person took back: by which publication, whose order, why.

    The digests are empty if the photograph was withdrawn, whatever is made of it; then photographs of an earlier day
    than `day` are taken back too.
    """

    image_id: str
    sha256: str
    matte_digest: str
    render_digest: str
    publication_id: int
    day: date
    kind: PublicationKind
    by: str
    because: str
    at: datetime

    def covers(self, sha256: str, recipe: RecipeDigests, day: date) -> bool:
        """Whether it is about that photograph, cut by that recipe and delivered on that day."""
        if self.kind is PublicationKind.WITHDRAW:
            return sha256 == self.sha256 or day < self.day
        return (sha256, recipe.matte_digest, recipe.render_digest) == (
            self.sha256,
            self.matte_digest,
            self.render_digest,
        )

    @property
    def words(self) -> str:
        """Why the image is not published again."""
        done = "rolled back" if self.kind is PublicationKind.ROLLBACK else "withdrawn"
        return f"{done} by {self.by} (publication {self.publication_id}): {self.because}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One atomic change of the catalogue; of the gate's, three counts add up to the entries that it was given.

    `confirmed` images were live already, exactly so; `superseded` ones had a newer delivery published already;
    `withdrawn` ones were live and are not any more. `by` and `because` are a person's, of what a person ordered or
    released. `back_to` is the publication that a rollback went back to, `undone_by` the rollback that undid this one.
    """

    publication_id: int
    gate_id: str
    plan_id: str
    delivery: DeliveryKey
    at: datetime
    published: int
    superseded: int
    approval: Approval | None
    confirmed: int = 0
    withdrawn: int = 0
    kind: PublicationKind = PublicationKind.PUBLISH
    by: str | None = None
    because: str | None = None
    back_to: int | None = None
    undone_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What to announce about one delivery: its publications that changed something and are not announced yet."""

    delivery: DeliveryKey
    publications: tuple[Publication, ...]

    @property
    def publication_ids(self) -> list[int]:
        """The ids of the publications, oldest first."""
        return [one.publication_id for one in self.publications]

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of images that they published, confirmed, superseded and withdrew, added up."""
        names = ("published", "confirmed", "superseded", "withdrawn")
        return {name: sum(getattr(one, name) for one in self.publications) for name in names}
