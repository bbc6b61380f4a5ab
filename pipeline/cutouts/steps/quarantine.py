"""Which images of a delivery are in quarantine now, why, and whether another recipe should try them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.survey import Why
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Outcome
from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.core.reviews import ImageReview
from cutouts.core.table_paths import gate_file
from cutouts.steps.networks import RECIPE

_COLUMNS = ("image_id", "sha256", *RECIPE, "outcome", "reasons")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """An image in quarantine: its content, the decision that says so, and its reasons.

    `tried` says whether a decision under the asked recipe quarantined this content; `failed` whether one under it
    could not cut it.
    """

    sha256: str | None
    gate_id: str
    reasons: tuple[str, ...]
    tried: bool = False
    failed: bool = False


def quarantined_images(site: Site, delivery: DeliveryKey, recipe: RecipeDigests) -> dict[str, Quarantined]:
    """The images that the newest decision about them quarantined, by image id, and whether `recipe` was tried.

    A decision that rejected an image, for example because its photograph could not be read, does not end its
    quarantine. Decisions whose tables were removed are left out.
    """
    tables = open_store(site.tables_url)
    found: dict[str, Quarantined] = {}
    tried: set[tuple[str, str | None]] = set()
    failed: set[str] = set()
    for decision in _decisions(site, tables, delivery):
        outcomes = _about(tables, decision, found)
        for row in outcomes.to_pylist():
            _apply(found, row, decision.gate_id)
            mine = all(row[name] == value for name, value in zip(RECIPE, astuple(recipe), strict=True))
            if mine and row["outcome"] == str(Outcome.REJECTED):
                failed.add(row["image_id"])
            elif mine:
                tried.add((row["image_id"], row["sha256"]))
    return {name: replace(one, tried=(name, one.sha256) in tried, failed=name in failed) for name, one in found.items()}


def reasons_of(quarantined: Mapping[str, Quarantined], chosen: Sequence[str]) -> Counter[str]:
    """The reasons against the chosen images, each with the number of images that have it."""
    return Counter(reason for name in chosen for reason in dict.fromkeys(quarantined[name].reasons))


def why_of(
    selection: BackfillSelection,
    delivery: DeliveryKey,
    rows: pa.Table,
    quarantined: Mapping[str, Quarantined],
    live: pa.Table,
    *,
    reviews: Sequence[ImageReview],
    known: np.ndarray,
) -> np.ndarray:
    """`Why` for each row, as text; all rows are of `quarantined` images. `known` says for each whether its content is
    in the ledger under the asked recipe."""
    refused = {(one.image_id, one.sha256) for one in reviews if not one.good}
    lives = {row["image_id"]: row for row in live.select(["image_id", "sha256", "delivery_date"]).to_pylist()}
    found = []
    for name, is_known in zip(rows.column("image_id").to_pylist(), known.tolist(), strict=True):
        image, now = quarantined[name], lives.get(name)
        if now and now["delivery_date"] > delivery.date:
            found.append(Why.SUPERSEDED)
        elif now and now["sha256"] == image.sha256:
            found.append(Why.LIVE)
        elif image.tried or (image.failed and is_known):
            found.append(Why.TRIED)
        elif (name, image.sha256) in refused and not selection.refused_too:
            found.append(Why.REFUSED)
        else:
            found.append(Why.QUARANTINED)
    return np.array([str(one) for one in found], dtype=object)


def with_reason(quarantined: Mapping[str, Quarantined], text: str) -> list[str]:
    """The ids of images with a reason that contains the text, in whatever case."""
    return [name for name, one in quarantined.items() if any(text.lower() in reason.lower() for reason in one.reasons)]


def _decisions(site: Site, tables: Store, delivery: DeliveryKey) -> Iterator[GateDecision]:
    """The decisions about a delivery, the oldest first, from the first that quarantined something."""
    with Catalog.open(site.catalog_url) as catalog:
        gates = catalog.gates_on(delivery)
    decisions = (find_record(tables, gate_file(gate_id, "decision.json"), GateDecision) for gate_id in gates)
    begun = False
    for decision in filter(None, decisions):
        begun = begun or decision.quarantined > 0
        if begun:
            yield decision


def _about(tables: Store, decision: GateDecision, found: Mapping[str, Quarantined]) -> pa.Table:
    """The outcomes of a decision that are about images in `found`, or that quarantine one."""
    outcomes = read_table(tables, gate_file(decision.gate_id, "outcomes.parquet"), _COLUMNS)
    quarantined = pc.equal(outcomes.column("outcome"), str(Outcome.QUARANTINED))
    known = pc.is_in(outcomes.column("image_id"), value_set=pa.array([*found], pa.string()))
    return outcomes.filter(pc.or_(quarantined, known))


def _apply(found: dict[str, Quarantined], row: Mapping[str, Any], gate_id: str) -> None:
    name, outcome = str(row["image_id"]), row["outcome"]
    if outcome == str(Outcome.QUARANTINED):
        found[name] = Quarantined(sha256=row["sha256"], gate_id=gate_id, reasons=tuple(row["reasons"] or ()))
    elif outcome != str(Outcome.REJECTED):
        found.pop(name, None)
