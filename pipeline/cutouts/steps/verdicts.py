"""Stores the verdicts of expectations on given rows, under a digest of everything that a verdict depends on.

The digest covers the suite's bytes, every value of the rows, and the judging method. For an unchanged delivery the
verdict is read from the store, and Great Expectations, which takes seconds to import, is not loaded. If a verdict is
missing or damaged in the store, the rows are judged again. For the rows of a manifest and for a suite alone, only the
absence of problems is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

import pyarrow as pa

from cutouts.adapters.quality import (
    NO_DRIFT,
    Suite,
    bundled,
    judge,
    load_suite,
    method,
    refusals,
    require_judging,
    try_every_rule,
)
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.core.config import Site
from cutouts.core.errors import GateError
from cutouts.core.gate import Judgement
from cutouts.core.manifests.checks import DeliveryProblem
from cutouts.core.table_paths import verdict_file

_SLICE = 65_536
"""Rows whose values are copied at a time for the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clean:
    """Rows that no expectation refuses."""

    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sound:
    """A suite that can judge masks."""

    rules: int


def suite_of(site: Site) -> Traversable:
    """The file of the suite that judges a site's masks. Raises GateError if the site's own is not a file."""
    if not site.mask_quality:
        return bundled("mask_quality")
    file = Path(site.mask_quality)
    if not file.is_file():
        raise GateError(f"the suite {file} is not a file: set mask_quality to the path of your expectations")
    return file


def judging_suite(site: Site) -> Suite:
    """The suite that judges a site's masks. Raises GateError if it cannot, or if one of its rules cannot be applied."""
    suite = load_suite(suite_of(site))
    require_judging(suite)
    try_every_rule(suite)
    return suite


def require_sound_suite(site: Site, tables: Store) -> None:
    """Raise GateError if the site's own suite cannot judge masks, before hours of work are spent on them."""
    if not site.mask_quality:
        return
    key = _digest(suite_of(site).read_bytes(), pa.table({}), ["the suite alone"])
    if not find_record(tables, verdict_file(key), _Sound):
        write_record(tables, verdict_file(key), _Sound(rules=len(judging_suite(site).rules)))


def judgement_of(
    tables: Store,
    suite: Traversable,
    metrics: pa.Table,
    *,
    images: int,
    rejected: Mapping[str, str],
    categories: Mapping[str, str | None] | None = None,
    drift: pa.Table = NO_DRIFT,
) -> Judgement:
    """The suite's judgement of a delivery; see `cutouts.adapters.quality.judge`. `rejected` are the reasons, and
    `categories` the categories, of the images that were not cut out."""
    rules = suite.read_bytes()
    known = {name: (categories or {}).get(name) for name in rejected}
    about: list[object] = [images, sorted(rejected.items())]
    about += [sorted(known.items())] if any(known.values()) else []
    about += [drift.to_pylist()] if drift.num_rows else []
    key = _digest(rules, metrics.sort_by("image_id").combine_chunks(), about)
    if found := find_record(tables, verdict_file(key), Judgement):
        return found
    judgement = judge(load_suite(suite), metrics, images=images, rejected=known, drift=drift)
    if suite.read_bytes() == rules:  # otherwise the file was changed while it was in use
        write_record(tables, verdict_file(key), judgement)
    return judgement


def refusals_of(tables: Store, delivery_id: str, rows: pa.Table) -> tuple[DeliveryProblem, ...]:
    """The reasons why the suite for manifests refuses the rows of a delivery; empty if it does not."""
    suite = bundled("manifest")
    key = _digest(suite.read_bytes(), rows, [rows.num_rows])
    if find_record(tables, verdict_file(key), _Clean):
        return ()
    problems = refusals(load_suite(suite), delivery_id, rows)
    if not problems:
        write_record(tables, verdict_file(key), _Clean(rows=rows.num_rows))
    return problems


def _digest(rules: bytes, rows: pa.Table, about: Sequence[object]) -> str:
    """A digest, 32 hexadecimal characters, of the method, `about`, the suite's `rules` and all values of the rows."""
    digest = hashlib.sha256(json.dumps([method(), *about]).encode())
    digest.update(hashlib.sha256(rules).digest())
    digest.update(rows.schema.serialize())
    for batch in rows.to_batches(max_chunksize=_SLICE):
        digest.update(batch.serialize())
    return digest.hexdigest()[:32]
