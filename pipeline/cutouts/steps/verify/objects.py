"""The objects that ledger and catalogue refer to: whether they are whole, and how they are made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import find_record
from cutouts.core.config import Site
from cutouts.core.records import ImageRecord, Plan
from cutouts.core.table_paths import plan_file
from cutouts.runner import Runner, Work
from cutouts.stages import ChunkResult, Job, cut_chunk, job_of
from cutouts.stages.isolation import images_of, rejected, try_out
from cutouts.steps.verify.findings import Finding

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
"""The last chunk of every PNG: what is cut off lacks it (PNG specification, section 11.2.5)."""
_STAGING = ".repair"
"""The folder beside the objects into which they are made again, before they replace what is broken."""
_THREADS = 16


def broken_objects(objects: Store, names: Sequence[str], *, whole: bool) -> dict[str, str]:
    """What is wrong with each object that is not as it was stored; with `whole`, each is read and digested."""
    look = partial(_digest_fault if whole else _end_fault, objects)
    with ThreadPoolExecutor(_THREADS) as pool:
        faults = pool.map(look, names)
        return {name: fault for name, fault in zip(names, faults, strict=True) if fault}


def made_again(site: Site, tables: Store, masks: pa.Table, broken: Mapping[str, str], runner: Runner) -> set[str]:
    """The broken objects that could be made again, from the photographs that the ledger (`masks`) names.

    That takes the same recipe, and photographs that are still where they were and what they were. `masks` has the
    columns of `MASKS` and `plan_id`.
    """
    job = job_of(site)
    wanted = pa.array([*broken], pa.string())
    digests = job.recipe.digests
    needed = masks.filter(
        pc.and_(
            pc.or_(pc.is_in(masks.column("mask"), wanted), pc.is_in(masks.column("cutout"), wanted)),
            pc.and_(
                pc.equal(masks.column("matte_digest"), digests.matte_digest),
                pc.equal(masks.column("render_digest"), digests.render_digest),
            ),
        )
    )
    objects, staging = open_store(site.objects_url), open_store(f"{site.objects_url}/{_STAGING}")
    done: set[str] = set()
    for plan_id in pc.unique(needed.column("plan_id")).to_pylist():
        rows = needed.filter(pc.equal(needed.column("plan_id"), plan_id))
        plan = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
        cutting = replace(job_of(site, sources=plan.sources if plan else ()), objects_url=staging.url)
        for name in _cut(cutting, rows, site.chunk, runner):
            if name in broken:
                objects.write(name, staging.read(name))
                done.add(name)
            staging.remove(name)
    return done


def _cut(job: Job, rows: pa.Table, size: int, runner: Runner) -> Iterator[str]:
    """The names of the objects that cutting these images once more makes."""
    records = [
        ImageRecord(
            image_id=str(number),
            product_id=str(number),
            delivery_id="repair",
            uri=row["uri"],
            sha256=row["sha256"],
        )
        for number, row in enumerate(rows.select(["uri", "sha256"]).to_pylist())
    ]
    work: Work[tuple[ImageRecord, ...], ChunkResult] = Work(
        function=partial(cut_chunk, job), parts=images_of, trial=partial(try_out, job), blamed=partial(rejected, job)
    )
    chunks = [tuple(records[start : start + size]) for start in range(0, len(records), size)]
    for result in runner.map(work, chunks):
        for mask in result.masks:
            yield from dict.fromkeys((mask.mask, mask.cutout))


def object_findings(objects: Store, broken: Mapping[str, str], repaired: set[str]) -> Iterator[Finding]:
    """Each broken object, and whether it was made again."""
    for name, fault in sorted(broken.items()):
        yield Finding(place=f"{objects.url}/{name}", what=fault, repaired="cut again" if name in repaired else None)


def _end_fault(objects: Store, name: str) -> str | None:
    try:
        return None if objects.tail(name, len(_PNG_END)) == _PNG_END else "it is cut off"
    except FileNotFoundError:
        return "it is not there"


def _digest_fault(objects: Store, name: str) -> str | None:
    try:
        data = objects.read(name)
    except FileNotFoundError:
        return "it is not there"
    found = hashlib.sha256(data).hexdigest()
    return None if name == f"{found[:2]}/{found}.png" else "its bytes are not those that were stored"
