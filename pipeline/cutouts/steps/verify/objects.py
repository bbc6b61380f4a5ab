"""Checks the objects that ledger and catalogue refer to, and makes broken ones again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store, object_name, open_store
from cutouts.core.config import Site
from cutouts.core.errors import DamagedError, ModelError, StorageError, TransientError
from cutouts.core.product_box import box_of, photograph_of
from cutouts.core.progress import Counter, unwatched
from cutouts.core.records import ImageRecord, Plan, RecipeDigests
from cutouts.core.table_paths import STAGING, plan_file
from cutouts.runner import Runner
from cutouts.stages import job_of
from cutouts.steps.networks import cut_by, recipes_in
from cutouts.steps.provenance import kept_recipe
from cutouts.steps.segment import cut_all
from cutouts.steps.verify.findings import Fault, FaultKind, Finding, Outages, fault_of
from cutouts.steps.verify.table_sets import DAMAGED, readable_record
from cutouts.steps.wishes import with_model

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
"""The last chunk of every PNG; a truncated file lacks it (PNG specification, section 11.2.5)."""


def broken_objects(objects: Store, names: Sequence[str], heard: Counter, *, whole: bool) -> dict[str, Fault]:
    """The fault of each broken or unreadable object, by name. By default only the end of each PNG is checked; with
    `whole`, every object is read and its digest compared. Each object that was checked is `heard` of.

    Raises TransientError if too many objects cannot be read at the moment.
    """
    look = partial(_digest_fault if whole else _end_fault, objects)
    faults: dict[str, Fault] = {}
    outages = Outages()
    for name, fault in zip(names, in_parallel(look, names), strict=True):
        heard.add("checked")
        if fault:
            outages.note(fault)
            faults[name] = fault
    return faults


def require_sound_objects(objects: Store, names: Sequence[str]) -> None:
    """Raise DamagedError if one of these objects is missing or truncated, TransientError or StorageError if one cannot
    be read."""
    with unwatched("objects", len(names)) as heard:
        broken = broken_objects(objects, names, heard, whole=False)
    if broken:
        name, fault = next(iter(broken.items()))
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        if fault.kind is not FaultKind.DAMAGED:
            kind = TransientError if fault.kind is FaultKind.OUTAGE else StorageError
            raise kind(f"{objects.url}/{name}{more}: {fault.words}")
        raise DamagedError(f"{objects.url}/{name}{more}", fault.words)


def make_again(
    site: Site, tables: Store, masks: pa.Table, broken: Collection[str], runner: Runner
) -> dict[str, str | None]:
    """Make broken objects again from the photographs that the ledger names. Returns for each why it could not be made,
    or None if it was.

    This is only possible if the site still has the recipe that made an object, by whatever network, and if its
    photograph is readable and unchanged. `masks` has the columns of `PLANNED`.
    """
    fates: dict[str, str | None] = dict.fromkeys(broken, "the ledger does not record how it was made")
    needed = masks.filter(pc.or_(*(pc.is_in(masks.column(name), pa.array([*broken])) for name in ("mask", "cutout"))))
    fates.update(dict.fromkeys(_objects_of(needed), "it was made by a recipe that this site does not have any more"))
    for its, same in _by_network(site, tables, needed):
        for plan_id in pc.unique(same.column("plan_id")).to_pylist():
            plan = readable_record(tables, plan_file(plan_id, "plan.json"), Plan)
            rows = same.filter(pc.field("plan_id") == plan_id)
            done = _cut_again(its, plan.sources if plan else (), rows, broken, runner)
            fates.update((name, why) for name, why in done.items() if fates[name])
    return {name: fates[name] for name in broken}


def _by_network(site: Site, tables: Store, masks: pa.Table) -> Iterator[tuple[Site, pa.Table]]:
    """The masks of each recipe that the site still has, with the site as it is with that recipe's network."""
    for digests in recipes_in(masks):
        kept = kept_recipe(tables, digests)
        for its in (site, *([with_model(site, kept.model)] if kept else [])):
            if _gives(its, digests):
                yield its, cut_by(masks, digests)
                break


def _gives(site: Site, digests: RecipeDigests) -> bool:
    try:
        return job_of(site).recipe.digests == digests
    except ModelError:
        return False


def _cut_again(
    site: Site, sources: Sequence[str], rows: pa.Table, broken: Collection[str], runner: Runner
) -> dict[str, str | None]:
    """Cut the images of these rows and replace the broken objects among the results. Returns the fates of these."""
    objects, staging = open_store(site.objects_url), open_store(f"{site.objects_url}/{STAGING}")
    job = replace(job_of(site, sources=sources), objects_url=staging.url)
    fates: dict[str, str | None] = {}
    for result in cut_all(site, job, _records(rows), runner):
        for name in {name for mask in result.masks for name in (mask.mask, mask.cutout)}:
            if name in broken:
                set_aside(objects, name)
                objects.write(name, staging.read(name))
                fates[name] = None
            staging.remove(name)
        for rejection in result.rejections:
            named = _objects_of(rows.slice(int(rejection.image_id), 1))
            fates.update((name, rejection.words) for name in named if fates.get(name, "not cut"))
    return fates


def set_aside(objects: Store, name: str) -> None:
    """Move what is in the place of an object and is not a file to `DAMAGED`, because a file cannot replace it."""
    try:
        objects.tail(name, 1)
    except FileNotFoundError:
        return
    except DamagedError:
        objects.move(name, f"{DAMAGED}/{name}")


def _objects_of(masks: pa.Table) -> list[str]:
    return [*masks.column("mask").to_pylist(), *masks.column("cutout").to_pylist()]


def _records(rows: pa.Table) -> list[ImageRecord]:
    """The images of the ledger's rows, to cut them again; their ids are the row numbers."""
    return [
        ImageRecord(
            image_id=str(number),
            product_id=str(number),
            delivery_id="repair",
            uri=row["uri"],
            sha256=photograph_of(row["sha256"]),
        ).boxed(box_of(row["sha256"]))
        for number, row in enumerate(rows.select(["uri", "sha256"]).to_pylist())
    ]


def object_findings(objects: Store, broken: Mapping[str, Fault], fates: Mapping[str, str | None]) -> Iterator[Finding]:
    """A finding for each broken object. `fates` has those that a repair tried: why it failed, or None."""
    for name in sorted(broken):
        fault, why = broken[name], fates.get(name)
        yield Finding(
            place=f"{objects.url}/{name}",
            what=f"{fault.words}, and it cannot be repaired: {why}" if why else fault.words,
            kind=fault.kind,
            repaired="cut again" if name in fates and why is None else None,
        )


def _end_fault(objects: Store, name: str) -> Fault | None:
    return fault_of(lambda: None if objects.tail(name, len(_PNG_END)) == _PNG_END else "it is cut off")


def _digest_fault(objects: Store, name: str) -> Fault | None:
    other = "its bytes do not match its name"
    return fault_of(lambda: None if name == object_name(objects.read(name), ".png") else other)
