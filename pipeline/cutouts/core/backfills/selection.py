"""Which deliveries and images a backfill works on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import date as Day  # noqa: N812 -- a field is called date elsewhere; its type must not be mistaken for it
from fnmatch import fnmatchcase
from glob import escape
from typing import Any

from cutouts.core.records import DeliveryKey, RecipeDigests

KNOWN_DELIVERIES = "deliveries that Airflow or `cutouts run` has processed"
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
