"""The frozen records of the catalogue.

GateDecision → CatalogEntry, Publication, or Hold → Approval → Publication or HoldRejection; Publication → Announcement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cutouts.core.records import DeliveryKey, RecipeDigests


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One published image as the catalogue keeps it; `cutout` and `mask` are object names."""

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
    """A person's release of a held delivery: of exactly the content, recipe and suite that `judged` digests."""

    judged: str
    gate_id: str
    delivery: DeliveryKey
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRejection:
    """A person's decision that a held delivery is never published: exactly what `judged` digests."""

    judged: str
    gate_id: str
    delivery: DeliveryKey
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A delivery that the gate held back, and why; waits for a person's approval of what `judged` is the digest of."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One atomic change of the catalogue; its three counts add up to the entries that it was given.

    `confirmed` images were live already, exactly so; `superseded` ones had a newer delivery published already.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is to be told of one delivery: its publications that changed something and that nobody was told of."""

    delivery: DeliveryKey
    publications: tuple[Publication, ...]

    @property
    def publication_ids(self) -> list[int]:
        """The publications, the oldest first."""
        return [one.publication_id for one in self.publications]

    @property
    def counts(self) -> dict[str, int]:
        """How many images they published, confirmed and superseded, added up."""
        names = ("published", "confirmed", "superseded")
        return {name: sum(getattr(one, name) for one in self.publications) for name in names}
