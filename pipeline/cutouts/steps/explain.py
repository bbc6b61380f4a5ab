"""explain: where an image in the catalogue comes from, or why it is not there, read from the records of the steps.

Old tables may have been cleared. What is damaged is named, or another decision would be taken for the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import read_record
from cutouts.adapters.storage.stored_tables import read_row_group, read_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import CutoutsError, DamagedError
from cutouts.core.publications import CatalogEntry, Hold, HoldRejection, Publication, TakenBack
from cutouts.core.records import DeliveryKey, Plan, Receipt, RecipeDigests, ShardKey
from cutouts.core.table_paths import gate_file, plan_file, recipe_file, shard_file, suite_file
from cutouts.core.text.display import shown
from cutouts.steps.journal import newest_catalog
from cutouts.steps.networks import RECIPE
from cutouts.steps.provenance import KeptRecipe, KeptSuite

R = TypeVar("R")

_OUTCOME = ("image_id", "uri", "sha256", *RECIPE, "outcome", "reasons", "mask", "cutout", "notes")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of the site and its size (B); `bytes` is None if the object is missing."""

    name: str
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDecision:
    """One decision of the gate about an image, and its basis.

    `publication` is the publication of this decision, with a person's release if there was one; `rejection` is a
    person's rejection of the hold. `shard` cut the image with the code version `code`; it is None if the plan already
    knew the image.
    """

    at: datetime
    gate: GateDecision
    suite: str | None
    plan: Plan | None
    source: str | None
    uri: str
    sha256: str | None
    digests: RecipeDigests
    recipe: KeptRecipe | None
    outcome: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    mask: StoredObject | None
    cutout: StoredObject | None
    shard: ShardKey | None
    code: str
    publication: Publication | None
    rejection: HoldRejection | None

    @property
    def made(self) -> int | None:
        """The id of the publication that made the image live by this decision; None if it did not."""
        return self.publication.publication_id if self.publication and self.outcome == "published" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An image of a delivery id: its live entry, and the gate's decisions about it, newest first.

    `taken_back` is the last order of a person that took it back, if it is not live since. `damage` names the files that
    should say more and are damaged, with what to do.
    """

    image_id: str
    delivery_id: str
    live: CatalogEntry | None
    publication_id: int | None
    taken_back: TakenBack | None
    decisions: tuple[ImageDecision, ...]
    damage: tuple[str, ...]

    @property
    def published(self) -> ImageDecision | None:
        """The decision that made the image live; None if there is none or its tables were removed."""
        return next((one for one in self.decisions if one.made and one.made == self.publication_id), None)


def explain(site: Site, named: str, *, delivery: DeliveryKey | str | None = None) -> tuple[Explanation, ...]:
    """Explain each image with that image id or product id, if given only of one `delivery` (its id or key).

    An image that is not live is found only if its delivery is given. Raises CutoutsError if no image is found.
    """
    day = delivery.date if isinstance(delivery, DeliveryKey) else None
    delivery_id = delivery.delivery_id if isinstance(delivery, DeliveryKey) else delivery
    tables, objects = open_store(site.tables_url), open_store(site.objects_url)
    with newest_catalog(site) as catalog:
        live = catalog.live_images(named, delivery_id=delivery_id)
        wanted: list[tuple[str, str, CatalogEntry | None, int | None]] = [
            (entry.image_id, entry.delivery.delivery_id, entry, number) for entry, number in live
        ]
        if not wanted and delivery_id:
            wanted = [(named, delivery_id, None, None)]
        found = []
        for image_id, of, entry, number in wanted:
            records = _Records(tables)
            on = catalog.decisions_on(of, day=day, also=number)
            decisions = tuple(_decisions(records, objects, catalog, image_id, on))
            found.append(
                Explanation(
                    image_id=image_id,
                    delivery_id=of,
                    live=entry,
                    publication_id=number,
                    taken_back=None if entry else _taken_back(catalog, of, image_id),
                    decisions=decisions,
                    damage=tuple(records.damage),
                )
            )
    known = tuple(one for one in found if one.live or one.decisions or one.damage)
    if not known:
        elsewhere = (
            f", and no decision about delivery {shown(delivery_id)} has an image of that id"
            if delivery_id
            else ". For an image that is not, name its delivery with --delivery"
        )
        raise CutoutsError(f"no image or product {shown(named)} is live{elsewhere}")
    return known


def _taken_back(catalog: Catalog, delivery_id: str, image_id: str) -> TakenBack | None:
    """The last order that took the image back; None if there is none."""
    return next((one for one in reversed(catalog.taken_back(delivery_id)) if one.image_id == image_id), None)


class _Records:
    """The records and tables of a site. What is damaged counts as gone, and is noted in `damage`, each file once."""

    def __init__(self, tables: Store) -> None:
        self.tables = tables
        self.damage: dict[str, None] = {}

    def record(self, name: str, kind: type[R]) -> R | None:
        """A record; None if it is gone."""
        try:
            return self.noting(lambda: read_record(self.tables, name, kind))
        except FileNotFoundError:
            return None

    def noting(self, read: Callable[[], R]) -> R | None:
        """What `read` returns; None if it is damaged."""
        try:
            return read()
        except DamagedError as error:
            self.damage[str(error)] = None
            return None


def _decisions(
    records: _Records, objects: Store, catalog: Catalog, image_id: str, decisions: Sequence[Publication | Hold]
) -> Iterator[ImageDecision]:
    """The decisions about this image; those whose tables are gone are skipped."""
    for one in decisions:
        decision = records.record(gate_file(one.gate_id, "decision.json"), GateDecision)
        row = decision and _row(records, gate_file(one.gate_id, "outcomes.parquet"), image_id)
        if decision and row:
            publication = one if isinstance(one, Publication) else None
            held = isinstance(one, Hold)
            rejection = catalog.holds.rejection_for(decision.judged) if held else None
            yield _decision(records, objects, one.at, decision, row, publication=publication, rejection=rejection)


def _decision(
    records: _Records,
    objects: Store,
    at: datetime,
    decision: GateDecision,
    row: Mapping[str, Any],
    *,
    publication: Publication | None,
    rejection: HoldRejection | None,
) -> ImageDecision:
    plan = records.record(plan_file(decision.plan_id, "plan.json"), Plan)
    shard = _shard(records, plan, row["image_id"]) if plan else None
    receipt = shard and records.record(shard_file(shard, "receipt.json"), Receipt)
    suite = records.record(suite_file(decision.suite), KeptSuite) if decision.suite else None
    recipe = RecipeDigests(matte_digest=row["matte_digest"], render_digest=row["render_digest"])
    return ImageDecision(
        at=at,
        gate=decision,
        suite=suite.text if suite else None,
        plan=plan,
        source=plan.manifest or None if plan else None,
        uri=row["uri"],
        sha256=row["sha256"],
        digests=recipe,
        recipe=records.record(recipe_file(recipe), KeptRecipe),
        outcome=row["outcome"],
        reasons=tuple(row["reasons"]),
        notes=tuple(row["notes"]),
        mask=_stored(objects, row["mask"]),
        cutout=_stored(objects, row["cutout"]),
        shard=shard,
        code=receipt.code if receipt else "",
        publication=publication,
        rejection=rejection,
    )


def _shard(records: _Records, plan: Plan, image_id: str) -> ShardKey | None:
    """The shard of the plan that has the image; None if the plan already knew the image."""

    def find() -> ShardKey | None:
        for shard in plan.shard_keys():
            rows = read_row_group(records.tables, plan_file(plan.plan_id, "shards.parquet"), shard.index)
            if pc.any(pc.equal(rows.column("image_id"), image_id)).as_py():
                return shard
        return None

    return records.noting(find)


def _row(records: _Records, name: str, image_id: str) -> Mapping[str, Any] | None:
    """The row of the image in a table of outcomes; None if there is no such row."""
    table = records.noting(lambda: read_table(records.tables, name, _OUTCOME))
    rows = table.filter(pc.equal(table.column("image_id"), image_id)).to_pylist() if table is not None else None
    return rows[0] if rows else None


def _stored(objects: Store, name: str | None) -> StoredObject | None:
    return StoredObject(name=name, bytes=objects.size(name)) if name else None
