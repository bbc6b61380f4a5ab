"""plan: decides which images of a delivery must be cut, in stable shards. Columnar: no Python object per row."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.code_version import code_version
from cutouts.adapters.storage.manifests.files import allowed_by
from cutouts.adapters.storage.manifests.opening import open_manifest
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.adapters.storage.stored_tables import write_row_groups
from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.core.errors import GateError, ManifestError
from cutouts.core.home_folder import below_home
from cutouts.core.manifests.sharding import Shards, shards_of
from cutouts.core.manifests.wishes import BOX, CHANNELS, MODEL, stated_contents
from cutouts.core.records import DeliveryKey, Plan, PlannedNetwork, RecipeDigests
from cutouts.core.table_paths import plan_file
from cutouts.core.text.display import shown, stored_uris
from cutouts.schemas.tables import DELIVERY, SHARDS
from cutouts.steps.calibrated import require_judged
from cutouts.steps.delivery_rows import read_delivery
from cutouts.steps.lease import at_work
from cutouts.steps.ledger import join_parts, known_contents, times_rejected
from cutouts.steps.networks import chosen
from cutouts.steps.provenance import keep_recipe
from cutouts.steps.verdicts import require_sound_suite
from cutouts.steps.wishes import WishedNetwork, own_network, require_known_channels, wished_networks, with_model

_SLICE = 100_000
"""Rows that are copied at a time. This limits the memory that a plan of millions of images needs."""
_IDENTITY = ["image_id", "product_id", "uri", "sha256", "etag", "bytes", "content"]
"""The columns that a plan's key is made of."""
_OPTIONAL = ["category", *BOX, CHANNELS, MODEL]
"""The columns that count too if any of their values is stated."""


@at_work
def plan(
    site: Site,
    source: str | os.PathLike[str],
    delivery: DeliveryKey,
    *,
    full: bool = False,
    only: pa.Array | None = None,
    second_try_of: Sequence[str] = (),
) -> Plan:
    """Plan one delivery of the manifest at `source`, without images that are known with the same content and recipe.

    With `full`, or if its manifest says so, publishing it withdraws the live images of its id that are not in it. With
    `only`, the plan covers these image ids alone, and withdraws nothing; if they are a second try, `second_try_of`
    names the decisions that quarantined them, and the site's network cuts them. The same rows, recipe, known contents
    and numbers of earlier rejections give the same plan, with the receipts of its finished shards.

    Raises ManifestError if the delivery cannot be used, GateError if the site's suite cannot judge masks, or if the
    gate is not calibrated for the site's network or cannot keep the site's promise.
    """
    require_type("delivery", delivery, DeliveryKey)
    source, tables = below_home(source), open_store(site.tables_url)
    require_sound_suite(site, tables)
    rows, partial = _wanted(site, tables, source, delivery, only)
    networks = (own_network(site),) if second_try_of else wished_networks(site, delivery, rows)
    for one in networks:
        _require_network(site, delivery, one)
        join_parts(tables, one.recipe.digests)
    told, content = decided_content(site, tables, networks, rows)
    rows = _with_networks(rows, networks).append_column("content", content)
    todo = pc.is_null(content)
    work = [_Work.of(site, tables, one, rows, told, todo, share=len(networks)) for one in networks]
    full = only is None and (full or open_manifest(source, day=delivery.date).is_full(*astuple(delivery)))
    everything = shards_of(rows, shard_images=_SLICE, shard_bytes=2**62, max_shards=2**31)
    made = _made(
        source, delivery, rows, everything, work, full=full, partial=partial, again=tuple(sorted(second_try_of))
    )
    found = find_record(tables, plan_file(made.plan_id, "plan.json"), Plan)
    if found and found.images == made.images:  # else some were forgotten, and are delivered again
        return found
    for one in networks:
        keep_recipe(tables, one.model or site.model, one.recipe)
    stored = rows.set_column(rows.schema.get_field_index("uri"), "uri", told.column("uri"))
    shards = chain.from_iterable(one.shards.tables(rows) for one in work)
    _write(tables, made, everything.tables(stored), shards)
    return made


def _wanted(
    site: Site, tables: Store, source: str, delivery: DeliveryKey, only: pa.Array | None
) -> tuple[pa.Table, bool]:
    """The rows of the delivery, in the columns that a plan needs, and whether these are some of them only. With `only`,
    they are those of these image ids."""
    rows = read_delivery(tables, source, delivery)
    require_known_channels(site, delivery, rows)
    rows = rows.select([*SHARDS.names, "category", CHANNELS, MODEL])
    if only is None:
        return rows, False
    some = rows.filter(pc.is_in(rows.column("image_id"), value_set=only))
    return some, some.num_rows < rows.num_rows


def _made(
    source: str,
    delivery: DeliveryKey,
    rows: pa.Table,
    everything: Shards,
    work: Sequence[_Work],
    *,
    full: bool,
    partial: bool,
    again: tuple[str, ...],
) -> Plan:
    """The plan's record, and in it the key; `again` are the decisions of which it is a second try."""
    sources = allowed_by(source)
    first, *others = (one.facts(sources) for one in work)
    about = [str(delivery), *first, *(["full"] if full else []), *([{"second try": again}] if again else []), *others]
    planned = tuple(one.planned for one in work)
    todo = rows.column("content").null_count
    return Plan(
        plan_id=_plan_id(about, everything.tables(rows)),
        delivery=delivery,
        recipe=planned[0].recipe,
        images=rows.num_rows,
        todo=todo,
        known=rows.num_rows - todo,
        shards=sum(one.shards for one in planned),
        sources=sources,
        full=full,
        partial=partial or bool(again),
        manifest=shown(source),
        code=code_version(),
        model=planned[0].model,
        several=planned if len(planned) > 1 else (),
        channels=rows.column(CHANNELS).null_count < rows.num_rows,
        second_try_of=again,
    )


def _require_network(site: Site, delivery: DeliveryKey, network: WishedNetwork) -> None:
    """`require_judged` of a network of the delivery; ManifestError if only its rows ask for it."""
    try:
        require_judged(with_model(site, network.model), network.recipe.digests)
    except GateError as error:
        if network.model in ("", site.model):
            raise
        raise ManifestError(f"delivery {delivery} cannot be used", [f"model: {error}"]) from None


def _with_networks(rows: pa.Table, networks: Sequence[WishedNetwork]) -> pa.Table:
    """The rows with the network of each in the column `model`: null for the site's own, and if there is only one."""
    flags = [one.rows for one in networks if one.rows is not None]
    names = [one.model or None for one in networks]
    values = chosen(flags, names) if flags else pa.nulls(rows.num_rows, pa.string())
    return rows.set_column(rows.schema.get_field_index(MODEL), MODEL, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What one network has to cut; `tried` is how often its images were rejected before."""

    network: WishedNetwork
    shards: Shards
    tried: int

    @classmethod
    def of(
        cls,
        site: Site,
        tables: Store,
        network: WishedNetwork,
        rows: pa.Table,
        told: pa.Table,
        todo: pa.ChunkedArray,
        *,
        share: int,
    ) -> Self:
        """The work of one of `share` networks, which together have at most `max_shards` (at least one each)."""
        mine, most = network.among(todo), max(1, site.max_shards // share)
        limits = {"shard_images": site.shard_images, "shard_bytes": site.shard_bytes, "max_shards": most}
        return cls(
            network=network,
            shards=shards_of(rows, where=mine, together=True, **limits),
            tried=times_rejected(tables, network.recipe.digests, told.select(["uri"]).filter(mine)),
        )

    @property
    def planned(self) -> PlannedNetwork:
        """The network as the plan's record has it."""
        recipe = self.network.recipe.digests
        return PlannedNetwork(model=self.network.model, recipe=recipe, shards=self.shards.count)

    def facts(self, sources: Sequence[str]) -> list[object]:
        """What the plan's key says of it."""
        return [astuple(self.network.recipe.digests), sources, self.tried, self.shards.offsets]


def _write(tables: Store, made: Plan, images: Iterable[pa.Table], shards: Iterable[pa.Table]) -> None:
    """Write the delivery's images, with the URIs in the form that may be stored, then the shards, and the plan's record
    last."""
    told = (_delivery_table(part) for part in images)
    groups = (part.select(SHARDS.names).cast(SHARDS) for part in shards)
    write_row_groups(tables, plan_file(made.plan_id, "delivery.parquet"), told, DELIVERY)
    write_row_groups(tables, plan_file(made.plan_id, "shards.parquet"), groups, SHARDS)
    write_record(tables, plan_file(made.plan_id, "plan.json"), made)


def decided_content(
    site: Site, tables: Store, networks: Sequence[WishedNetwork], rows: pa.Table
) -> tuple[pa.Table, pa.ChunkedArray]:
    """`sha256`, `etag`, `bytes` and the stored `uri` of rows of a manifest, and the content of each image that its
    network has decided (else null). `sha256` is the content that the row states."""
    content, etag = stated_contents(rows)
    columns = {"sha256": content, "etag": etag, "bytes": rows.column("bytes"), "uri": stored_uris(rows.column("uri"))}
    told = pa.table(columns)

    def known(recipe: RecipeDigests, some: pa.Table) -> pa.ChunkedArray:
        return known_contents(tables, recipe, some, retry_rejected=site.retry_rejected)

    flags = [one.rows for one in networks if one.rows is not None]
    if not flags:
        return told, known(networks[0].recipe.digests, told)
    found = [known(one.recipe.digests, told.filter(pa.array(its))) for one, its in zip(networks, flags, strict=True)]
    order = np.argsort(np.concatenate([np.flatnonzero(its) for its in flags]))
    return told, pa.chunked_array([chunk for one in found for chunk in one.chunks], pa.string()).take(pa.array(order))


def _delivery_table(rows: pa.Table) -> pa.Table:
    state = pc.if_else(pc.is_valid(rows.column("content")), "known", "todo")
    return rows.append_column("state", state).select(DELIVERY.names).cast(DELIVERY)


def _plan_id(about: list[object], parts: Iterator[pa.Table]) -> str:
    """A digest, 32 hexadecimal characters, of what the plan is `about` and of the delivery's rows in their order."""
    digest = hashlib.sha256(json.dumps(about).encode())
    for part in parts:
        stated = [name for name in _OPTIONAL if part.column(name).null_count < part.num_rows]
        for batch in part.select([*_IDENTITY, *stated]).to_batches():
            digest.update(batch.serialize())
    return digest.hexdigest()[:32]
