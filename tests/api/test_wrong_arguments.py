"""An argument of another type is named by the error, whichever function of the package was called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import pytest

import cutouts

KEY = cutouts.DeliveryKey(date=date(2026, 11, 22), delivery_id="acme")
SHARD = cutouts.ShardKey(plan_id="0123", index=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda site, _: cutouts.plan(site, "manifests", cast(Any, str(KEY))),
            r"delivery: expected DeliveryKey, not str; DeliveryKey\.parse\(text\) reads one",
        ),
        (
            lambda site, runner: cutouts.segment(site, cast(Any, str(SHARD)), runner),
            r"shard: expected ShardKey, not str; ShardKey\.parse\(text\) reads one",
        ),
        (
            lambda site, _: cutouts.segment(site, SHARD, cast(Any, cutouts.open_runner(site))),
            "runner: expected Runner, not .*; `with open_runner",
        ),
        (lambda site, _: cutouts.gate(site, cast(Any, SHARD)), "plan_id: expected str, not ShardKey"),
        (lambda site, _: cutouts.publish(site, cast(Any, None)), "gate_id: expected str, not NoneType"),
        (lambda *_: cutouts.DeliveryKey.parse(cast(Any, b"2026-11-22/acme")), "text: expected str, not bytes"),
    ],
)
def test_an_argument_of_another_type_is_named(
    tmp_path: Path, call: Callable[[cutouts.Site, Any], object], words: str
) -> None:
    """The error also says where a value of the right type comes from."""
    site = cutouts.Site(root=str(tmp_path), cluster="serial")
    with cutouts.open_runner(site) as runner, pytest.raises(TypeError, match=words):
        call(site, runner)


@pytest.mark.parametrize(
    "call",
    [
        lambda site: cutouts.plan(site, "manifests", KEY),
        lambda site: cutouts.gate(site, "0123"),
        lambda site: cutouts.read_decision(site, "0123"),
        cutouts.waiting_holds,
        lambda site: cutouts.reject(site, "acme", by="Ada", why="dark"),
        cutouts.verify,
        lambda site: cutouts.open_runner(site).__enter__(),
        lambda site: cutouts.Cutter(site=site),
        lambda site: cutouts.run("photos", "result", site=site),
    ],
)
def test_a_folder_is_not_a_site(call: Callable[[Any], object]) -> None:
    """Every function that works on a site says what makes one."""
    with pytest.raises(TypeError, match=r"site: expected Site, not str; Site\(…\) or load_site\(\) makes one"):
        call("site")


@pytest.mark.parametrize("day", ["2026-11-22", datetime(2026, 11, 22, 9, 30), None])
def test_the_day_of_a_delivery_is_a_date(day: Any) -> None:
    """Neither text nor a moment: its key would not be read again."""
    with pytest.raises(TypeError, match="date: expected "):
        cutouts.DeliveryKey(date=day, delivery_id="acme")


def test_a_hold_is_found_by_its_delivery_key_as_a_record_or_as_text(tmp_path: Path) -> None:
    """Here, nothing is held."""
    site = cutouts.Site(root=str(tmp_path))
    for named in (KEY, str(KEY)):
        with pytest.raises(cutouts.CutoutsError, match="2026-11-22/acme is not held"):
            cutouts.waiting_hold(site, named)
