"""The ledger: what was made of every decided image, by content and recipe. Only the gate writes it, one file a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import read_folder, write_table
from cutouts.core.records import RecipeDigests
from cutouts.core.table_paths import ledger_folder
from cutouts.schemas.tables import MASKS, METRICS, REJECTIONS

SCHEMAS = {"masks": MASKS, "metrics": METRICS, "rejections": REJECTIONS}
_IDENTITY = ("sha256", "uri", "etag", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What was made of some images, as tables of `cutouts.schemas.tables` MASKS, METRICS and REJECTIONS."""

    masks: pa.Table
    metrics: pa.Table
    rejections: pa.Table

    @property
    def images(self) -> int:
        """Images that these results account for."""
        return int(self.masks.num_rows + self.rejections.num_rows)


def known_identities(
    tables: Store, recipe: RecipeDigests, *, by_content_only: bool, retry_rejected: bool = False
) -> pa.Table:
    """sha256, uri, etag, bytes of every image decided under `recipe`; only sha256 is read where that suffices.

    A rejection that trying again may cure is not known, nor is one without content; with `retry_rejected` none is.
    """
    columns = _IDENTITY[:1] if by_content_only else _IDENTITY
    masks = read_folder(tables, ledger_folder("masks", recipe), MASKS, columns)
    final = pc.scalar(value=False) if retry_rejected else ~pc.field("retryable") & pc.field("sha256").is_valid()
    rejections = read_folder(tables, ledger_folder("rejections", recipe), REJECTIONS, columns, final)
    both = pa.concat_tables([masks, rejections.cast(masks.schema)]) if rejections.num_rows else masks
    for name in _IDENTITY[len(columns) :]:
        both = both.append_column(MASKS.field(name), pa.nulls(both.num_rows, MASKS.field(name).type))
    return both


def times_rejected(tables: Store, recipe: RecipeDigests, images: pa.Table) -> int:
    """How often images at the URIs of `images` were rejected before: each try of them is a plan of its own."""
    rejected = read_folder(tables, ledger_folder("rejections", recipe), REJECTIONS, ["uri"]).column("uri")
    if not len(rejected):
        return 0
    return int(pc.sum(pc.is_in(rejected, value_set=images.column("uri"))).as_py())


def recall(tables: Store, recipe: RecipeDigests, images: pa.Table) -> Results:
    """The known results of `images` (columns `image_id`, `uri`, and `content`, their sha256), under their own ids."""
    masks, metrics = (_recall_one(tables, recipe, name, images) for name in ("masks", "metrics"))
    cut = pc.is_in(images.column("content"), value_set=masks.column("sha256"))  # rejected once, cut at a later try
    rejections = _recall_one(tables, recipe, "rejections", images.filter(pc.invert(cut)))
    return Results(masks=masks, metrics=metrics, rejections=rejections)


def record(tables: Store, recipe: RecipeDigests, plan_id: str, results: Results) -> None:
    """Add what one plan made to the ledger; written again, it is the same.

    What the plan made of other bytes (its rows do not identify them) is a file of its own.
    """
    contents = sorted(filter(None, (*_contents(results.masks), *_contents(results.rejections))))
    part = f"{plan_id}-{hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16]}.parquet"
    for name in ("rejections", "metrics", "masks"):
        write_table(tables, f"{ledger_folder(name, recipe)}/{part}", getattr(results, name))


def concat(parts: Sequence[Results]) -> Results:
    """Several results as one."""
    return Results(**{name: pa.concat_tables([getattr(part, name) for part in parts]) for name in SCHEMAS})


def nothing() -> Results:
    """Results of no image."""
    return Results(**{name: schema.empty_table() for name, schema in SCHEMAS.items()})


def _contents(table: pa.Table) -> list[str | None]:
    found: list[str | None] = table.column("sha256").to_pylist()
    return found


def _recall_one(tables: Store, recipe: RecipeDigests, name: str, images: pa.Table) -> pa.Table:
    schema = SCHEMAS[name]
    wanted = pc.field("sha256").isin(images.column("content").combine_chunks().drop_null())
    if name == "rejections":
        wanted &= ~pc.field("retryable")
    stored = read_folder(tables, ledger_folder(name, recipe), schema, schema.names, wanted)
    position = pc.index_in(images.column("content"), value_set=stored.column("sha256"))
    rows = stored.take(position.drop_null())
    here = images.filter(position.is_valid())
    for column in ("image_id", "uri"):
        if column in schema.names:
            rows = rows.set_column(schema.get_field_index(column), schema.field(column), here.column(column))
    return rows.cast(schema)
