"""What people said about the images of a delivery: checked when it is given, applied by the gate, read by the
calibration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.decisions import KEPT_BACK, GateDecision, Verdict
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Order, TakenBack
from cutouts.core.records import RecipeDigests
from cutouts.core.reviews import ImageReview
from cutouts.core.table_paths import gate_file
from cutouts.core.text.display import shown
from cutouts.schemas.tables import METRICS
from cutouts.steps.ledger import recall
from cutouts.steps.networks import RECIPE, versions

REVIEWED = pa.schema(
    [
        pa.field("delivery_id", pa.string()),
        *METRICS,
        pa.field("bad", pa.bool_()),
        pa.field("by", pa.string()),
        pa.field("why", pa.string()),
        pa.field("at", pa.timestamp("us", tz="UTC")),
    ]
)
"""The columns of `reviewed_images`: the measurements of each image that a person looked at, and what they said."""

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsWord:
    """What people said about exactly the versions of images that a delivery has, by image id."""

    reviews: Mapping[str, ImageReview]

    @property
    def released(self) -> frozenset[str]:
        """The images that are published although the gate objects to them."""
        return frozenset(name for name, review in self.reviews.items() if review.good)

    @property
    def facts(self) -> list[tuple[str, bool, str]]:
        """What a decision depends on, sorted by image id."""
        return sorted((name, review.good, review.at.isoformat()) for name, review in self.reviews.items())

    def refused(self, published: Collection[str]) -> dict[str, str]:
        """Why images are not published: a person rejected them. Images that are `published` already stay live."""
        return {
            name: review.words for name, review in self.reviews.items() if not review.good and name not in published
        }

    def over(self, taken_back: Mapping[str, TakenBack]) -> dict[str, str]:
        """Why images are not published: they were taken back, and nobody released them since."""
        return {
            name: one.words
            for name, one in taken_back.items()
            if not (name in self.released and self.reviews[name].at > one.at)
        }


def persons_word(reviews: Sequence[ImageReview], masks: pa.Table) -> PersonsWord:
    """The reviews that are about a version in `masks`: the same content, cut by the same recipe."""
    mine = {one.version: one for one in reviews}
    if not mine:
        return PersonsWord(reviews={})
    return PersonsWord(reviews={version[0]: mine[version] for version in versions(masks) if version in mine})


def reviews_of(
    site: Site,
    decision: GateDecision,
    *,
    good: Collection[str],
    bad: Mapping[str, str],
    order: Order,
) -> tuple[ImageReview, ...]:
    """The reviews that a person's order makes of a decision's images: `good` ones, and `bad` ones with their reasons.

    Raises CutoutsError with every name that is not an image of the delivery, or whose image does not wait for a person.
    """
    named = {*good, *bad}
    rows = {row["image_id"]: row for row in waiting_images(site, decision).to_pylist()} if named else {}
    wrong = sorted(named - rows.keys())
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise CutoutsError(
            f"no held or quarantined image of delivery {shown(decision.delivery)} is called "
            f"{shown(', '.join(wrong[:_NAMED]))}{more}"
        )
    if both := sorted({*good} & {*bad}):
        raise CutoutsError(f"both released and rejected: {shown(', '.join(both[:_NAMED]))}")
    return tuple(
        ImageReview(
            delivery_id=decision.delivery.delivery_id,
            image_id=name,
            sha256=rows[name]["sha256"],
            recipe=RecipeDigests(matte_digest=rows[name]["matte_digest"], render_digest=rows[name]["render_digest"]),
            good=name not in bad,
            gate_id=decision.gate_id,
            by=order.by,
            why=bad.get(name) or order.because,
            at=order.at,
        )
        for name in sorted(named)
    )


def waiting_images(site: Site, decision: GateDecision) -> pa.Table:
    """The held and quarantined images of a decision: image id, sha256 and recipe.

    A quarantined image whose photograph is live, because another network cut it, does not wait.
    """
    columns = ["image_id", "sha256", *RECIPE, "outcome"]
    outcomes = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"), columns)
    found = outcomes.filter(pc.is_in(outcomes.column("outcome"), pa.array(KEPT_BACK)))
    if decision.verdict is Verdict.HOLD or not found.num_rows:
        return found
    names = found.column("image_id").to_pylist()
    with Catalog.open(site.catalog_url) as catalog:
        live = catalog.live_contents(decision.delivery.delivery_id, names)
    return found.filter(pa.array([version[:2] not in live for version in versions(found)], pa.bool_()))


def reviewed_images(site: Site) -> pa.Table:
    """The measurements of every image version that a person looked at, and what they said: `REVIEWED`, oldest first.

    Only the newest word about a version counts. Versions whose measurements were cleared are left out.
    """
    with Catalog.open(site.catalog_url) as catalog:
        reviews = catalog.reviews()
    tables = open_store(site.tables_url)
    by_recipe: dict[RecipeDigests, list[ImageReview]] = {}
    for review in reviews:
        by_recipe.setdefault(review.recipe, []).append(review)
    rows = [row for recipe, found in by_recipe.items() for row in _measured(tables, recipe, found)]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (row["at"], row["image_id"])), REVIEWED)


def _measured(tables: Store, recipe: RecipeDigests, reviews: Sequence[ImageReview]) -> list[dict[str, Any]]:
    contents = sorted({one.sha256 for one in reviews})
    asked = pa.table({"image_id": contents, "uri": contents, "content": contents})
    measured = {row["sha256"]: row for row in recall(tables, recipe, asked).metrics.to_pylist()}
    return [
        {
            **measured[one.sha256],
            "image_id": one.image_id,
            "delivery_id": one.delivery_id,
            "bad": not one.good,
            "by": one.by,
            "why": one.why,
            "at": one.at,
        }
        for one in reviews
        if one.sha256 in measured
    ]
