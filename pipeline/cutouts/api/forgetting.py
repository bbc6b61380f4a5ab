"""The right to be forgotten: removes images from catalogue, history, objects, tables and reports, and keeps a receipt.

Rows are removed before the objects that they name, so nothing ever refers to an object that is gone, whoever works on
the site after forgetting was killed. The rows of plans, which say what to forget, are removed last, so that the same
call finds the rest and completes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.atomic_files import is_part
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import write_record
from cutouts.adapters.storage.stored_tables import filter_table, read_table
from cutouts.api.forgotten_tables import (
    Found,
    from_ledger,
    from_manifests,
    from_plans,
    from_records,
    from_results,
    meant,
    rows_of_plans,
    texts,
)
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Order, Selection
from cutouts.core.table_paths import THUMBNAILS, forgotten_file, thumbnail_folder
from cutouts.report.folder.links import own_links
from cutouts.steps.clearing import drop_unnamed, require_decisions
from cutouts.steps.journal import drop_forgotten, keep_journal
from cutouts.steps.journal_age import require_newest
from cutouts.steps.lease import site_lease


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReceipt:
    """What a removal did, without revealing the images: who ordered it, why and when, and counts.

    `kind` names the ids that selected the images: delivery, product or image.
    """

    receipt_id: str
    kind: str
    by: str
    because: str
    at: str
    withdrawn: int
    history: int
    table_rows: int
    objects: int
    files: int


def forget(site: Site, selection: Selection, order: Order) -> ForgetReceipt:
    """Remove the selected images from everything that the site stores. Returns the receipt, which is stored.

    Raises TransientError if anything runs on the site, CutoutsError if no such image is known, or if an image id is
    given without its delivery.
    """
    if selection.image_id is not None and selection.delivery_id is None:
        raise CutoutsError("an image id is only unique within its delivery: name that too (--delivery)")
    with site_lease(site, alone=True), Catalog.open(site.catalog_url) as catalog:
        tables, objects = open_store(site.tables_url), open_store(site.objects_url)
        require_newest(tables, catalog)
        _clear_journal(site)  # if an earlier call was killed just before it would have done so
        withdrawn = sum(one.withdrawn for one in catalog.history.withdraw_forgotten(selection, order))
        mine, others = _find(tables, catalog, selection)
        if not mine.keys:
            raise CutoutsError(f"the site has no data of {selection.words}")
        require_decisions(tables, catalog)
        only = {thumbnail_folder(content) for content in mine.contents - others.contents}
        tables.remove_all([name for name in tables.names(THUMBNAILS, ".webp") if name.rpartition("/")[0] in only])
        rows = from_ledger(tables, mine, others) + from_results(tables, mine) + from_manifests(tables, selection)
        files = from_records(tables, selection) + _from_report(site, mine) + _unfinished(tables)
        receipt_id = uuid.uuid4().hex
        history = catalog.history.purge(selection, f"forgotten-{receipt_id}", mine.keys)
        _clear_journal(site)
        gone = drop_unnamed(tables, objects, catalog)
        rows += from_plans(tables, mine)
        receipt = ForgetReceipt(
            receipt_id=receipt_id,
            kind=", ".join(name.removesuffix("_id") for name in selection.given),
            by=order.by,
            because=order.because,
            at=order.at.isoformat(),
            withdrawn=withdrawn,
            history=history,
            table_rows=rows,
            objects=gone,
            files=files,
        )
        write_record(tables, forgotten_file(receipt_id), receipt)
    return receipt


def _clear_journal(site: Site) -> None:
    """Write the journal's records again that named forgotten images, without them."""
    drop_forgotten(site)
    keep_journal(site)


def _find(tables: Store, catalog: Catalog, selection: Selection) -> tuple[Found, Found]:
    """Everything that is known about the selected images, and about all others."""
    mine, others = Found(), Found()
    mine.add(None, catalog.history.versions(selection))
    others.add(None, catalog.history.versions(selection, others=True))
    read = partial(read_table, tables)
    places = rows_of_plans(tables)
    for (plan_id, _), table in zip(places, in_parallel(read, [name for _, name in places]), strict=True):
        chosen = meant(table, selection)
        mine.add(plan_id, table.filter(chosen))
        others.add(plan_id, table.filter(pc.invert(chosen)))
    names = tables.names("shards", "/masks.parquet")
    for name, table in zip(names, in_parallel(read, names), strict=True):
        plan_id = name.split("/")[1]
        chosen = pc.is_in(table.column("image_id"), value_set=texts(mine.by_plan.get(plan_id, ())))
        mine.add(plan_id, table.filter(chosen))
        others.add(plan_id, table.filter(pc.invert(chosen)))
    return mine, others


def _unfinished(tables: Store) -> int:
    """Remove what killed processes left. It may be about any image, and nobody works on it any more. Returns the number
    of files."""
    left = tables.unfinished()
    tables.remove_all(left)
    return len(left)


def _from_report(site: Site, mine: Found) -> int:
    """Remove a run's page, which shows pictures, and the images from its tables, manifests and links. Returns the
    number of files that were changed or removed."""
    root = Path(site.root)
    if "://" in site.root or not (root / "images.parquet").is_file():
        return 0
    store = open_store(str(root.resolve()))
    keys = texts(f"{delivery_id}/{image_id}" for delivery_id, image_id in mine.keys)

    def keep(rows: pa.Table) -> pa.Array:
        named = pc.binary_join_element_wise(rows.column("delivery_id"), rows.column("image_id"), "/")
        return pc.invert(pc.is_in(named, value_set=keys))

    prefixes = tuple(_link_names(read_table(store, "images.parquet"), keep))
    listed = ("images.parquet", *store.names("manifest", ".parquet"))
    changed = [name for name in listed if filter_table(store, name, keep)]
    links = [
        link
        for link in own_links(root)
        if not link.exists() or is_part(link.name) or link.relative_to(root / "cutouts").as_posix().startswith(prefixes)
    ]
    parts = [file for folder in (root, root / "manifest") for file in folder.glob(".*") if is_part(file.name)]
    gone = [*links, *parts]
    for file in (*gone, root / "report.html"):
        file.unlink(missing_ok=True)
    return len(changed) + len(gone) + 1


def _link_names(images: pa.Table, keep: Callable[[pa.Table], pa.Array]) -> Iterator[str]:
    """The beginnings of the names of links to forgotten images. Other links that begin the same are made again by the
    next run."""
    for row in images.filter(pc.invert(keep(images))).to_pylist():
        for name in (row["source"], f"{row['date']}/{row['delivery_id']}/{row['image_id']}"):
            yield PurePosixPath(name).with_suffix("").as_posix()
