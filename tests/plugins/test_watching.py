"""The trigger that notices manifests, in a separate loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cutouts import intake
from cutouts.core.config import Site
from tests.deliveries import land, manifest_of, photograph, product
from tests.waiting import PATIENCE

T = TypeVar("T")


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in a separate thread, because a browser's loop may be running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def test_each_new_manifest_is_announced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one event for the first and one for a later manifest, and none for taken or unfinished ones."""
    from cutouts_airflow.watching import LandedTrigger

    site = Site(root=str(tmp_path / "site"))
    monkeypatch.setenv("CUTOUTS_ROOT", site.root)
    photograph(tmp_path / "studio" / "shirts", product(0))
    table, manifests = manifest_of(tmp_path / "studio"), Path(site.manifests_url)
    intake.take(site, str(land(manifests, "taken", date(2026, 3, 3), table)))
    first = str(land(manifests, "first", date(2026, 3, 4), table))
    (land(manifests, "unfinished", date(2026, 3, 5), table) / "_SUCCESS").unlink()

    async def announced() -> list[list[str]]:
        events = LandedTrigger(poll_seconds=0.05).run()
        one = await asyncio.wait_for(anext(events), PATIENCE)
        land(manifests, "second", date(2026, 3, 6), table)
        two = await asyncio.wait_for(anext(events), PATIENCE)
        return [one.payload["manifests"], two.payload["manifests"]]

    one, two = _run(announced())
    assert one == [first]
    assert [Path(url).parent.name for url in two] == ["second"]


def test_the_trigger_waits_for_an_unreachable_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong Variable does not end the watch, which continues once it is right."""
    from cutouts_airflow.watching import LandedTrigger

    photograph(tmp_path / "studio" / "shirts", product(0))
    land(tmp_path / "site" / "manifests", "first", date(2026, 3, 4), manifest_of(tmp_path / "studio"))
    monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS", '{"rooot": "x"}')

    async def first_event() -> list[str]:
        events = LandedTrigger(poll_seconds=0.05).run()
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS", f'{{"root": "{tmp_path}/site"}}')
        return list((await asyncio.wait_for(waiting, PATIENCE)).payload["manifests"])

    assert len(_run(first_event())) == 1
