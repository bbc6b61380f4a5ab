"""What a backfill finds in the selected deliveries, and how long the work takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from cutouts.core.backfills.selection import KNOWN_DELIVERIES, BackfillSelection
from cutouts.core.records import DeliveryKey
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown


class Why(StrEnum):
    """Why an image of an old delivery has to be worked on, or why not."""

    MISSING = "not live"
    CHANGED = "live with other content"
    STALE = "made by another recipe"
    CURRENT = "live and up to date"
    SUPERSEDED = "delivered again on a later day"
    CERTAIN = "made by another recipe, but less doubtful than asked for"
    QUARANTINED = "quarantined, to be tried with these settings"
    TRIED = "quarantined, and tried with these settings before"
    REFUSED = "quarantined, and rejected by a person"
    LIVE = "quarantined, but live with another recipe"


WORK = (Why.MISSING, Why.CHANGED, Why.STALE, Why.QUARANTINED)
"""What a backfill works on; of `stale` and `quarantined` ones only that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryWork:
    """What a backfill finds in one delivery: how many images for which reason, and how many of them have to be cut.

    `bytes` is what the manifest states of those to cut; of `unsized` it states nothing. `quarantined_for` counts, for a
    second try, the gate's reasons against the images to work on. `problem` says why the delivery cannot be worked on.
    """

    delivery: DeliveryKey
    reasons: Mapping[Why, int] = field(default_factory=dict)
    todo: int = 0
    bytes: int = 0
    unsized: int = 0
    quarantined_for: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def images(self) -> int:
        """Images to work on: cut, or only judged again because the ledger knows them."""
        return sum(self.reasons.get(why, 0) for why in WORK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a backfill has to do, delivery by delivery in its order; `images_per_second` None if never measured here."""

    backfill_id: str
    deliveries: tuple[DeliveryWork, ...]
    images_per_second: float | None

    @property
    def todo(self) -> int:
        """Images to cut."""
        return sum(one.todo for one in self.deliveries)

    @property
    def bytes(self) -> int:
        """Bytes to read, as far as the manifests state them."""
        return sum(one.bytes for one in self.deliveries)

    @property
    def unsized(self) -> int:
        """Images to cut of which no size is stated."""
        return sum(one.unsized for one in self.deliveries)

    @property
    def duration(self) -> timedelta | None:
        """How long cutting takes at the speed that was measured."""
        return timedelta(seconds=round(self.todo / self.images_per_second)) if self.images_per_second else None

    def words(self, selection: BackfillSelection) -> tuple[str, ...]:
        """All of it, in lines."""
        work = sum(1 for one in self.deliveries if one.images)
        unsized = f", without {counted(self.unsized, 'image')} of unknown size" if self.unsized else ""
        return (
            f"backfill {self.backfill_id}: {selection.words}",
            f"{counted(len(self.deliveries), 'delivery', 'deliveries')} looked at, {work} with work",
            *(() if self.deliveries else (f"  only {KNOWN_DELIVERIES} are known here",)),
            *(f"  {counted(self.count(why), 'image')} {why}" for why in Why if self.count(why)),
            *(
                f"    {counted(count, 'image')}: {shown(reason)}"
                for reason, count in self.quarantined_for.most_common()
            ),
            f"to cut: {counted(self.todo, 'image')}, {self.bytes / 1e6:,.1f} MB to read{unsized}",
            f"time:   {self._time()}",
            *(f"cannot be worked on: {one.delivery}: {one.problem}" for one in self.deliveries if one.problem),
        )

    @property
    def quarantined_for(self) -> Counter[str]:
        """The gate's reasons against the images of a second try, each with its number of images."""
        return sum((Counter(one.quarantined_for) for one in self.deliveries), Counter[str]())

    def _time(self) -> str:
        if not self.todo:
            return "nothing to cut"
        if self.duration is None:
            return "unknown, because nothing was cut here under this recipe yet"
        return f"about {self.duration}, at {self.images_per_second:.1f} images/s as measured here"

    def count(self, why: Why) -> int:
        """Images for this reason."""
        return sum(one.reasons.get(why, 0) for one in self.deliveries)
