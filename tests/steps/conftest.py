"""A separate site, and one function that takes a folder through all four steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.intake import folder_manifest, inspect
from cutouts.runner import open_runner
from cutouts.stages import ChunkResult
from cutouts.steps import gate, plan, publish, segment

Refresh = Callable[..., tuple[GateDecision, list[ChunkResult]]]


@pytest.fixture
def site(tmp_path: Path, quick_suite: str) -> Site:
    """A site on local files that works in this process, with the test's photographs allowed."""
    return site_in(tmp_path, quick_suite)


def site_in(folder: Path, suite: str) -> Site:
    """A site in a folder, which may contain its photographs, with a suite."""
    place = str(folder / "site")
    return Site(root=place, cluster="serial", shard_images=4, mask_quality=suite, allowed_sources=(str(folder),))


@pytest.fixture
def refresh(tmp_path: Path) -> Refresh:
    """Takes the one delivery of a folder through plan, segment, gate and publish."""
    return refresh_in(tmp_path)


def refresh_in(place: Path) -> Refresh:
    """Does so with the manifest in a folder of its own in `place`."""

    def run(site: Site, folder: Path) -> tuple[GateDecision, list[ChunkResult]]:
        table, day = folder_manifest(folder)
        write_table(open_store(str(place)), f"manifest/date={day}/part.parquet", table)
        return refresh_manifest(site.allowing(str(folder)), str(place / "manifest"))

    return run


def refresh_manifest(site: Site, manifest: str) -> tuple[GateDecision, list[ChunkResult]]:
    """Takes the one delivery of a manifest through all four steps; gives the decision and the chunks that were cut."""
    (delivery,) = inspect(manifest).accepted
    planned = plan(site, manifest, delivery)
    chunks: list[ChunkResult] = []
    with open_runner(site) as runner:
        for shard in planned.shard_keys():
            segment(site, shard, runner, chunks.append)
    decision = gate(site, planned.plan_id)
    if decision.verdict is not Verdict.HOLD:
        publish(site, decision.gate_id)
    return decision, chunks
