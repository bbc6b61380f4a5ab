"""The rows of a delivery that a backfill selects: why each has to be worked on or not, and whether it must be cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.survey import WORK, Why
from cutouts.core.config import Site
from cutouts.core.manifests.wishes import stated_contents
from cutouts.core.records import DeliveryKey
from cutouts.schemas.tables import MANIFEST
from cutouts.steps.delivery_rows import read_delivery
from cutouts.steps.live_doubts import live_doubts
from cutouts.steps.networks import made_by
from cutouts.steps.plan import decided_content
from cutouts.steps.quarantine import Quarantined, quarantined_images, why_of, with_reason
from cutouts.steps.wishes import WishedNetwork, own_network, wished_networks

LiveOf = Callable[[str], pa.Table]
"""Returns the live images of a delivery id, in the columns of `PUBLISHED`."""


def live_of(site: Site) -> LiveOf:
    """Reads live images from the catalogue. Those of the delivery id that was asked for last are kept, so ask for all
    days of one delivery id after each other."""

    @lru_cache(maxsize=1)
    def live(delivery_id: str) -> pa.Table:
        with Catalog.open(site.catalog_url) as catalog:
            return catalog.published(delivery_id)

    return live


def wanted_by(selection: BackfillSelection) -> tuple[Why, ...]:
    """The reasons for which images of this selection are worked on."""
    if selection.quarantined:
        return (Why.QUARANTINED,)
    return (Why.STALE,) if selection.stale else WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedRows:
    """The selected rows of a delivery: for each its `Why` (text) and whether it must be cut (bool). For a second try,
    also what is `quarantined`, by image id."""

    rows: pa.Table
    why: np.ndarray
    todo: np.ndarray
    quarantined: Mapping[str, Quarantined] = field(default_factory=dict)

    def ids(self, chosen: np.ndarray) -> pa.Array:
        """The image ids of the rows with a true value."""
        return self.rows.filter(pa.array(chosen, pa.bool_())).column("image_id").combine_chunks()


def selected_rows(
    site: Site, selection: BackfillSelection, delivery: DeliveryKey, source: str, live_images: LiveOf
) -> SelectedRows:
    """The rows of a delivery that a selection covers, and what has to be done with each."""
    if selection.quarantined:
        return _second_tries(site, selection, delivery, source, live_images)
    tables = open_store(site.tables_url)
    rows = read_delivery(tables, source, delivery)
    rows = _selected(selection, rows)
    networks, live = wished_networks(site, delivery, rows), live_images(delivery.delivery_id)
    why = _reasons(rows, live, delivery, networks)
    if selection.doubt:
        why = np.where((why == str(Why.STALE)) & _certain(site, rows, live, selection.doubt), str(Why.CERTAIN), why)
    todo = np.isin(why, [str(one) for one in wanted_by(selection)]) & ~_known(site, networks, rows)
    return SelectedRows(rows=rows, why=why, todo=todo)


def _second_tries(
    site: Site, selection: BackfillSelection, delivery: DeliveryKey, source: str, live_images: LiveOf
) -> SelectedRows:
    """The rows of images in quarantine. Of most deliveries there are none, and nothing else is read."""
    network = own_network(site)
    quarantined = quarantined_images(site, delivery, network.recipe.digests)
    names = pa.array(with_reason(quarantined, selection.reason), pa.string())
    if not len(names):
        return SelectedRows(rows=MANIFEST.empty_table(), why=np.array([], np.str_), todo=np.array([], np.bool_))
    rows = read_delivery(open_store(site.tables_url), source, delivery)
    rows = _selected(selection, rows.filter(pc.is_in(rows.column("image_id"), value_set=names)))
    with Catalog.open(site.catalog_url) as catalog:
        reviews = catalog.reviews(delivery.delivery_id)
    live = live_images(delivery.delivery_id)
    known = _known(site, [network], rows)
    why = why_of(selection, delivery, rows, quarantined, live, reviews=reviews, known=known)
    todo = np.isin(why, [str(one) for one in wanted_by(selection)]) & ~known
    return SelectedRows(rows=rows, why=why, todo=todo, quarantined=quarantined)


def _selected(selection: BackfillSelection, rows: pa.Table) -> pa.Table:
    for column, names in (("category", selection.categories), ("product_id", selection.products)):
        if names:
            rows = rows.filter(pc.is_in(rows.column(column), value_set=pa.array(names, pa.string())))
    return rows


def _known(site: Site, networks: Sequence[WishedNetwork], rows: pa.Table) -> np.ndarray:
    """Whether the ledger knows the content of each row under the recipe of its network."""
    _, content = decided_content(site, open_store(site.tables_url), networks, rows)
    return np.asarray(content.is_valid().to_numpy(), np.bool_)


def _certain(site: Site, rows: pa.Table, live: pa.Table, doubt: float) -> np.ndarray:
    """Whether the live image of each row is less doubtful than that."""
    live = live.filter(pc.is_in(live.column("image_id"), value_set=rows.column("image_id")))
    at = pc.index_in(rows.column("image_id"), value_set=live.column("image_id"))
    doubts = pa.array(live_doubts(site, live)).take(at.combine_chunks())
    return np.asarray(pc.fill_null(pc.less(doubts, doubt), fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def _reasons(rows: pa.Table, live: pa.Table, delivery: DeliveryKey, networks: Sequence[WishedNetwork]) -> np.ndarray:
    """`Why` for each row, as text."""
    at = pc.index_in(rows.column("image_id"), value_set=live.column("image_id"))
    there = at.is_valid()
    later = pc.greater(live.column("delivery_date").take(at), pa.scalar(delivery.date))
    same_recipe = reduce(pc.or_, (one.among(_of_live(made_by(live, one.recipe.digests), at)) for one in networks))
    stated, _ = stated_contents(rows)
    same_content = pc.or_kleene(pc.is_null(stated), pc.equal(live.column("sha256").take(at), stated))
    conditions = (
        (pc.invert(there), Why.MISSING),
        (later, Why.SUPERSEDED),
        (pc.invert(same_content), Why.CHANGED),
        (pc.invert(same_recipe), Why.STALE),
    )
    flags = [pc.fill_null(flag, fill_value=False).to_numpy() for flag, _ in conditions]
    return np.select(flags, [str(why) for _, why in conditions], str(Why.CURRENT))


def _of_live(flags: pa.ChunkedArray, at: pa.ChunkedArray) -> pa.ChunkedArray:
    """For each row, the flag of the live image at that place; false if there is none."""
    return pc.fill_null(flags.take(at), fill_value=False)
