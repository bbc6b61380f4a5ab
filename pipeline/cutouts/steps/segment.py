"""segment: cuts one shard's images, chunk by chunk on a runner, and writes its tables and then its receipt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.code_version import code_version
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.adapters.storage.stored_tables import read_row_group, read_table, records_of, table_of, write_table
from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.core.errors import BooksError, ConfigError
from cutouts.core.records import ImageRecord, Plan, PlannedNetwork, Receipt, RecipeDigests, ShardKey
from cutouts.core.table_paths import plan_file, shard_file
from cutouts.core.text.display import stored_uri
from cutouts.runner import Runner, Work
from cutouts.stages import ChunkResult, Identity, Job, cut_chunk, identify_chunk, job_of
from cutouts.stages.isolation import nothing_to_try, rejected, try_out, unidentified
from cutouts.steps.chunks import chunks
from cutouts.steps.lease import at_work
from cutouts.steps.ledger import SCHEMAS, Results, concat, knows_any, nothing, recall
from cutouts.steps.same_content import cut_once, look_alike
from cutouts.steps.shard_progress import ShardProgress, tell_done, tell_done_before
from cutouts.steps.stored_keys import plan_of_shard
from cutouts.steps.wishes import with_model

_log = logging.getLogger(__name__)


def _ignore(_: ChunkResult) -> None:
    """The default for `on_chunk`: does nothing."""


@at_work
def segment(site: Site, shard: ShardKey, runner: Runner, on_chunk: Callable[[ChunkResult], None] = _ignore) -> Receipt:
    """Cut one shard. `on_chunk` is called with each finished chunk; progress is logged every ten seconds.

    A shard with a receipt is not cut again. Images without a sha256 or a confirmed ETag are read to check that they
    have not changed; if one has, the shard is cut again. Raises ConfigError if the recipe is no longer the plan's,
    BooksError if the counts do not add up.
    """
    require_type("shard", shard, ShardKey)
    require_type("runner", runner, Runner)
    tables = open_store(site.tables_url)
    receipt = find_record(tables, shard_file(shard, "receipt.json"), Receipt)
    began = time.perf_counter()
    plan = plan_of_shard(tables, shard)
    rows = read_row_group(tables, plan_file(shard.plan_id, "shards.parquet"), shard.index)
    whole = receipt and receipt.images == rows.num_rows  # else some were forgotten, and are delivered again
    if receipt and whole and not _changed(site, tables, plan, shard, rows, runner):
        tell_done_before(receipt)
        return receipt
    tables.remove(shard_file(shard, "receipt.json"))
    network = plan.network_of(shard.index)
    job = _job(site, plan, network)
    identities = _identities(site, tables, plan, network.recipe, rows, runner)
    reused = _recall_unnamed(tables, network.recipe, rows, identities)
    records = _without(records_of(rows, ImageRecord), reused)
    done: list[ChunkResult] = []
    shared: list[ChunkResult] = []
    with ShardProgress(shard, len(records)) as progress:
        for result, again in cut_once(records, identities, lambda some: cut_all(site, job, some, runner)):
            progress.add(result)
            on_chunk(result)
            (shared if again else done).append(result)
    reused = concat([reused, _tables(shared)])
    results = concat([reused, _tables(done)])
    _balance(shard, rows, results)
    for name in SCHEMAS:
        write_table(tables, shard_file(shard, f"{name}.parquet"), getattr(results, name))
    receipt = _receipt(shard, done, reused, time.perf_counter() - began)
    write_record(tables, shard_file(shard, "receipt.json"), receipt)
    tell_done(receipt)
    return receipt


def cut_all(site: Site, job: Job, records: Sequence[ImageRecord], runner: Runner) -> Iterator[ChunkResult]:
    """The results of all records, one chunk at a time as they finish."""
    cutting = Work(function=partial(cut_chunk, job), trial=partial(try_out, job), blamed=partial(rejected, job))
    if records:
        yield from runner.map(cutting, chunks(site, runner, records))


def _job(site: Site, plan: Plan, network: PlannedNetwork) -> Job:
    job = job_of(with_model(site, network.model), sources=plan.sources)
    if job.recipe.digests != network.recipe:
        raise ConfigError(f"plan {plan.plan_id} was made with another recipe", ["plan the delivery again"])
    return job


def _identities(
    site: Site, tables: Store, plan: Plan, recipe: RecipeDigests, rows: pa.Table, runner: Runner
) -> dict[str, Identity]:
    """The identity of images whose row states no sha256, by id: of all if the ledger may know some of them, else of
    those that may have the same content as another."""
    unnamed = _unnamed(rows)
    if unnamed and not knows_any(tables, recipe):
        unnamed = tuple(look_alike(unnamed))
    if not unnamed:
        return {}
    _log.info("%d images have no sha256 in the manifest: they are read to find out which are known", len(unnamed))
    return _identified(site, plan, unnamed, runner)


def _recall_unnamed(tables: Store, recipe: RecipeDigests, rows: pa.Table, identities: dict[str, Identity]) -> Results:
    """The results of images whose row states no sha256 but whose content the ledger knows.

    The ledger's ETag and size belong to the URI where the content was found before, so those of the row replace them.
    """
    unnamed = [one for one in _unnamed(rows) if one.image_id in identities and identities[one.image_id].sha256]
    if not unnamed:
        return nothing()
    found = [identities[record.image_id] for record in unnamed]
    images = pa.table(
        {
            "image_id": pa.array([record.image_id for record in unnamed], pa.string()),
            "uri": pa.array([stored_uri(record.uri) for record in unnamed], pa.string()),
            "content": pa.array([one.sha256 for one in found], pa.string()),
            "etag": pa.array([one.etag for one in found], pa.string()),
            "bytes": pa.array([record.bytes for record in unnamed], pa.int64()),
        }
    )
    return recall(tables, recipe, images)


def _changed(site: Site, tables: Store, plan: Plan, shard: ShardKey, rows: pa.Table, runner: Runner) -> bool:
    """Whether images that nothing identifies now have other bytes than those the shard's tables describe."""
    unnamed = _unnamed(rows)
    if not unnamed:
        return False
    masks = read_table(tables, shard_file(shard, "masks.parquet"), ["image_id", "sha256", "etag"])
    cut = {row["image_id"]: row["sha256"] for row in masks.to_pylist() if row["etag"] is None}
    unsure = [record for record in unnamed if record.image_id in cut]
    if not unsure:
        return False
    _log.info("%d images have neither a sha256 nor a confirmed ETag: they are read to see if they changed", len(unsure))
    found = _identified(site, plan, unsure, runner)
    return any(found[record.image_id].sha256 != cut[record.image_id] for record in unsure)


def _unnamed(rows: pa.Table) -> tuple[ImageRecord, ...]:
    """The images whose row states no sha256."""
    return records_of(rows.filter(pc.is_null(rows.column("sha256"))), ImageRecord)


def _identified(site: Site, plan: Plan, records: Sequence[ImageRecord], runner: Runner) -> dict[str, Identity]:
    """What each image's bytes are, by image id; without a sha256 if it cannot be read, or does not match its row."""
    identify = Work(
        function=partial(identify_chunk, site.reading(*plan.sources)), trial=nothing_to_try, blamed=unidentified
    )
    found = [one for part in runner.map(identify, chunks(site, runner, records)) for one in part]
    return {one.image_id: one for one in found}


def _without(records: Sequence[ImageRecord], reused: Results) -> list[ImageRecord]:
    ids = {*reused.masks.column("image_id").to_pylist(), *reused.rejections.column("image_id").to_pylist()}
    return [record for record in records if record.image_id not in ids]


def _tables(done: Sequence[ChunkResult]) -> Results:
    return Results(
        **{name: table_of((row for one in done for row in getattr(one, name)), SCHEMAS[name]) for name in SCHEMAS}
    )


def _balance(shard: ShardKey, rows: pa.Table, results: Results) -> None:
    """Raise BooksError unless each image of the shard has exactly one result and each mask has its metrics."""
    wanted = sorted(rows.column("image_id").to_pylist())
    masks, metrics, rejections = (sorted(getattr(results, name).column("image_id").to_pylist()) for name in SCHEMAS)
    if sorted(masks + rejections) != wanted or masks != metrics:
        raise BooksError(
            f"the counts of shard {shard} do not add up: {len(wanted)} images, {len(masks)} masks, "
            f"{len(metrics)} metrics, {len(rejections)} rejections"
        )


def _receipt(shard: ShardKey, done: Sequence[ChunkResult], reused: Results, seconds: float) -> Receipt:
    cut, rejected = sum(len(one.masks) for one in done), sum(len(one.rejections) for one in done)
    return Receipt(
        plan_id=shard.plan_id,
        index=shard.index,
        images=cut + rejected + reused.images,
        cut=cut,
        reused=reused.images,
        rejected=rejected,
        model_batches=sum(one.model_batches for one in done),
        prepare_seconds=sum(one.prepare_seconds for one in done),
        infer_seconds=sum(one.infer_seconds for one in done),
        finish_seconds=sum(one.finish_seconds for one in done),
        wall_seconds=seconds,
        code=code_version(),
    )
