"""Backfills: which older images to work on again, how much that is, and how far it is. Frozen records."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date as Day  # noqa: N812 -- a field is called date elsewhere; its type must not be mistaken for it
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from glob import escape
from typing import Any

from cutouts.core.records import DeliveryKey, RecipeDigests
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

_KNOWN = "deliveries that Airflow or `cutouts run` has processed"
"""A site whose steps were called one by one has none of these."""
_UPGRADE = frozenset({"model", "doubt", "not_worse"})
_SECOND_TRY = frozenset({"quarantined", "reason", "refused_too"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSelection:
    """What to go back to; what is not given restricts nothing.

    `suppliers` are delivery ids, with the wildcards `*` and `?`; `products` and `categories` are whole names. `stale`
    takes only what is live and was made by another recipe than today's. Deliveries are done the oldest first, or the
    newest.

    Three are those of an upgrade, which is always `stale`: `model` is the network to upgrade to, `doubt` is the
    smallest probability of a bad mask (0..1) from which a live image is cut again, and with `not_worse`, an image is
    only published if its new mask is at most as probably bad as the live one.

    The last three are those of a second try: with `quarantined`, only images in quarantine are cut, by the network
    `model`; if `reason` is given, only those with a reason that contains it, in whatever case. Images that a person
    rejected are left out, unless `refused_too`.
    """

    first: Day | None = None
    last: Day | None = None
    suppliers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    stale: bool = False
    newest_first: bool = False
    model: str | None = None
    doubt: float = 0.0
    not_worse: bool = False
    quarantined: bool = False
    reason: str = ""
    refused_too: bool = False

    def __post_init__(self) -> None:
        if (self.reason or self.refused_too) and not self.quarantined:
            raise ValueError("only a second try of quarantined images selects by reason")
        if self.quarantined and (self.stale or not self.model):
            raise ValueError("a second try of quarantined images needs a network, and is not about stale images")
        if (self.doubt or self.not_worse) and not self.stale:
            raise ValueError("only an upgrade of stale images compares doubts")
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"the first day, {self.first}, is after the last one, {self.last}")

    def covers(self, delivery: DeliveryKey) -> bool:
        """Whether images of this delivery may be meant."""
        return (
            (self.first is None or self.first <= delivery.date)
            and (self.last is None or delivery.date <= self.last)
            and (not self.suppliers or any(fnmatchcase(delivery.delivery_id, one) for one in self.suppliers))
        )

    def backfill_id(self, recipe: RecipeDigests) -> str:
        """12 hexadecimal characters: the same for the same selection under the same recipe, in whatever order."""
        parts = asdict(replace(self, newest_first=False)) | asdict(recipe)
        unused = (frozenset() if self.not_worse else _UPGRADE) | (frozenset() if self.quarantined else _SECOND_TRY)
        parts = {name: value for name, value in parts.items() if name not in unused}  # ids of earlier releases stay
        return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def words(self) -> str:
        """The selection in one line."""
        days = " to ".join(str(day) for day in dict.fromkeys((self.first or "the first day", self.last or "today")))
        parts = [
            *(["what another recipe made"] if self.stale else []),
            *([f"upgrade to {self.model}, doubt from {self.doubt:.3g}"] if self.not_worse else []),
            *([f"quarantined images again, by the network {self.model}"] if self.quarantined else []),
            *([f"with a reason that contains {self.reason!r}"] if self.reason else []),
            *(["also those that a person rejected"] if self.refused_too else []),
            f"delivered {days}",
            *(
                f"{name} {', '.join(values)}"
                for name, values in (
                    ("suppliers", self.suppliers),
                    ("categories", self.categories),
                    ("products", self.products),
                )
                if values
            ),
        ]
        return "; ".join(parts)


def second_try(*, model: str, delivery: str | None = None, everything: bool = False, **given: Any) -> BackfillSelection:
    """The selection of quarantined images to try again by a network: of one `delivery` (its id or key), of what is
    `given` of the other fields, or `everything`.

    Raises ValueError if that selects nothing, or contradicts itself.
    """
    if delivery and any(given.get(name) for name in ("first", "last", "suppliers")):
        raise ValueError("a delivery is named: leave out days and suppliers")
    if delivery:
        given |= _only(delivery)
    chosen = BackfillSelection(model=model, quarantined=True, **given)
    nothing = BackfillSelection(model=model, quarantined=True, refused_too=chosen.refused_too)
    if everything != (chosen == nothing):
        raise ValueError(
            "say which quarantined images: of which delivery, days, suppliers, categories or products, for "
            "which reason, or else all of them"
        )
    return chosen


def _only(delivery: str) -> dict[str, Any]:
    """The days and the pattern of delivery ids that select one delivery, by its key or id."""
    try:
        key = DeliveryKey.parse(delivery)
    except ValueError:
        return {"suppliers": (escape(delivery),)}
    return {"first": key.date, "last": key.date, "suppliers": (escape(key.delivery_id),)}


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
            *(() if self.deliveries else (f"  only {_KNOWN} are known here",)),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillBudget:
    """When to stop for today: after so many images were cut, or after so many hours; None for no limit."""

    images: int | None = None
    hours: float | None = None


NO_LIMIT = BackfillBudget()


class BackfillPhase(StrEnum):
    """Where a backfill stands."""

    RUNNING = "running"
    PAUSED = "paused: its budget is used up"
    CANCELLED = "cancelled"
    FAILED = "ended, with failed deliveries"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillState:
    """How far a backfill is; `cut` of `images` that were to be cut, in `seconds` of work, over all of its runs.

    `held` are the deliveries that the gate held in the newest run: nothing of them was published.
    """

    backfill_id: str
    selection: BackfillSelection
    phase: BackfillPhase
    begun_at: datetime
    at: datetime
    images: int
    cut: int = 0
    deliveries: int = 0
    deliveries_done: int = 0
    failed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    seconds: float = 0.0
    budget: BackfillBudget = NO_LIMIT

    @property
    def left(self) -> timedelta | None:
        """How much longer the work takes at the speed so far; None if that is not known."""
        if not (self.cut and self.seconds):
            return None
        return timedelta(seconds=round(max(0, self.images - self.cut) * self.seconds / self.cut))

    @property
    def words(self) -> str:
        """One line."""
        if self.phase is BackfillPhase.DONE and not (self.deliveries or self.failed):
            return f"{self.backfill_id}: nothing to do in {_KNOWN} ({self.selection.words})"
        left = self.left
        images, deliveries = counted(self.images, "image"), counted(self.deliveries, "delivery", "deliveries")
        return (
            f"{self.backfill_id}: {self.phase}, {self.cut} of {images} cut, {self.deliveries_done} of {deliveries} done"
            + (f", {len(self.failed)} failed" if self.failed else "")
            + (f", {len(self.held)} held, see `cutouts holds`" if self.held else "")
            + (f", {left} of work left" if left and self.phase is not BackfillPhase.DONE else "")
            + f" ({self.selection.words})"
        )
