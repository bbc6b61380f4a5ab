"""Reads what the ledger knows about images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import read_each, read_matching, read_pieces, read_tables
from cutouts.core.manifests.sharding import Flags, flags_among, split_known, where_flagged
from cutouts.core.records import RecipeDigests
from cutouts.core.table_paths import part_file
from cutouts.schemas.tables import LEDGER_PART, MASKS, REJECTIONS
from cutouts.steps.ledger.parts import Parts, labelled, read_visible, visible_parts
from cutouts.steps.ledger.results import SCHEMAS, Results

_IDENTITY = ("sha256", "uri", "etag", "bytes")
_TRIES = pa.schema([REJECTIONS.field("uri"), REJECTIONS.field("image_id"), LEDGER_PART])
_FINAL = ~pc.field("retryable") & pc.field("sha256").is_valid()
"""The condition for rejections that another try cannot change."""
_FEW = 200_000
"""Up to this number of images, only the rows of the ledger that may be about them are read."""


def knows_any(tables: Store, recipe: RecipeDigests) -> bool:
    """Whether anything was ever decided under `recipe`."""
    parts = visible_parts(tables, recipe)
    return bool(parts.single or parts.joined)


def known_contents(
    tables: Store, recipe: RecipeDigests, images: pa.Table, *, retry_rejected: bool = False
) -> pa.ChunkedArray:
    """For each of `images` (columns sha256, etag, bytes, uri) the sha256 of its known result under `recipe`, or null.

    See `known_identities` and `cutouts.core.manifests.sharding.split_known`. If many images all state their sha256, the
    ledger is read in pieces, and neither its digests nor those of the images are copied.
    """
    stated = images.column("sha256")
    if images.num_rows <= _FEW or stated.null_count:
        return split_known(images, known_identities(tables, recipe, images, retry_rejected=retry_rejected))

    def read(parts: Parts) -> Flags:
        return flags_among(stated, _final_contents(tables, parts, retry_rejected=retry_rejected))

    return where_flagged(stated, read_visible(tables, recipe, read))


def _final_contents(tables: Store, parts: Parts, *, retry_rejected: bool) -> Iterator[pa.ChunkedArray]:
    """The sha256 of masks and of rejections that another try cannot change, in pieces."""
    for piece in read_pieces(tables, parts.files("masks"), ["sha256"]):
        yield piece.column("sha256")
    if not retry_rejected:
        for piece in read_pieces(tables, parts.files("rejections"), ["sha256", "retryable"]):
            yield piece.filter(_FINAL).column("sha256")


def known_identities(
    tables: Store, recipe: RecipeDigests, images: pa.Table, *, retry_rejected: bool = False
) -> pa.Table:
    """sha256, uri, etag and bytes of images decided under `recipe`; at least all rows that may match one of `images`.

    `images` has the columns sha256 and uri. If every image states its sha256, only the sha256 is read, and the other
    columns are null. Rejections that may succeed on another try, and rejections without a sha256, are left out; with
    `retry_rejected`, all are.
    """
    columns = _IDENTITY[:1] if images.column("sha256").null_count == 0 else _IDENTITY
    wanted = _may_be(images, columns)
    final = None if retry_rejected else _FINAL

    def read(parts: Parts) -> pa.Table:
        masks = read_tables(tables, parts.files("masks"), MASKS, columns, wanted)
        if final is None:
            return masks
        where = final if wanted is None else final & wanted
        rejections = read_tables(tables, parts.files("rejections"), REJECTIONS, columns, where, ["retryable", "sha256"])
        return pa.concat_tables([masks, rejections.cast(masks.schema)]) if rejections.num_rows else masks

    both = read_visible(tables, recipe, read)
    for name in _IDENTITY[len(columns) :]:
        both = both.append_column(MASKS.field(name), pa.nulls(both.num_rows, MASKS.field(name).type))
    return both


def times_rejected(tables: Store, recipe: RecipeDigests, images: pa.Table) -> int:
    """How often images at the URIs of `images` were rejected before; each try was made by a plan of its own."""

    def read(parts: Parts) -> pa.Table:
        names = [part_file("rejections", recipe, part) for part in parts.single]
        found = read_each(tables, names, ("uri", "image_id"))
        single = [labelled(one, part) for part, one in zip(parts.single, found, strict=True)]
        joined = read_each(tables, parts.files("rejections")[len(names) :], ("uri", "image_id", LEDGER_PART.name))
        return pa.concat_tables([_TRIES.empty_table(), *(one.cast(_TRIES) for one in (*single, *joined))])

    if not images.num_rows:
        return 0
    tries = read_visible(tables, recipe, read)
    uris = images.column("uri").filter(pc.is_in(images.column("uri"), value_set=tries.column("uri")))  # often none
    tries = tries.filter(pc.is_in(tries.column("uri"), value_set=uris))
    return int(tries.group_by(tries.column_names).aggregate([]).num_rows)


def recall(tables: Store, recipe: RecipeDigests, images: pa.Table) -> Results:
    """The known results of `images` (columns `image_id`, `uri`, and `content`, which is their sha256), with these ids
    and URIs; also with the columns `etag` and `bytes`, if `images` has them."""

    def read(parts: Parts) -> Results:
        masks, metrics = (_recall_one(tables, parts, name, images) for name in ("masks", "metrics"))
        cut = pc.is_in(images.column("content"), value_set=masks.column("sha256"))  # rejected once, cut on a later try
        rejections = _recall_one(tables, parts, "rejections", images.filter(pc.invert(cut)))
        return Results(masks=masks, metrics=metrics, rejections=rejections)

    return read_visible(tables, recipe, read)


def _may_be(images: pa.Table, columns: Sequence[str]) -> Any:
    """A filter for the rows of the ledger that may be about one of `images`; None if there are too many images for
    one."""
    if images.num_rows > _FEW:
        return None
    same = pc.field("sha256").isin(images.column("sha256").combine_chunks().drop_null())
    return same | pc.field("uri").isin(images.column("uri").combine_chunks()) if "uri" in columns else same


def _recall_one(tables: Store, parts: Parts, name: str, images: pa.Table) -> pa.Table:
    schema = SCHEMAS[name]
    if not images.num_rows:
        return schema.empty_table()
    wanted = images.column("content").combine_chunks().drop_null()
    stored = read_matching(tables, parts.files(name), schema, "sha256", wanted)
    if name == "rejections":
        stored = stored.filter(~pc.field("retryable"))
    position = pc.index_in(images.column("content"), value_set=stored.column("sha256"))
    rows = stored.take(position.drop_null())
    here = images.filter(position.is_valid())
    for column in ("image_id", "uri", "etag", "bytes"):
        if column in schema.names and column in here.column_names:
            rows = rows.set_column(schema.get_field_index(column), schema.field(column), here.column(column))
    return rows.cast(schema)
