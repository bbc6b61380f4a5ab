"""States that return and decisions that are published late: the catalogue shows the last decision."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import OvertakenError
from cutouts.core.gate import ALREADY_PUBLISHED, REPLACED
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import gate_file
from cutouts.intake import folder_manifest, inspect
from cutouts.runner import open_runner
from cutouts.steps import gate, plan, publish, segment
from tests.photographs import product
from tests.steps.conftest import Refresh

Judge = Callable[[DeliveryKey | None], GateDecision]


def live(site: Site, delivery_id: str) -> dict[str, tuple[str, str]]:
    """Content and matte digest of each live image."""
    with Catalog.open(site.catalog_url) as catalog:
        rows = catalog.published(delivery_id).to_pylist()
    return {row["image_id"]: (row["sha256"], row["matte_digest"]) for row in rows}


def decided(site: Site, decision: GateDecision) -> dict[str, tuple[str, str]]:
    """Content and matte digest of each image in the decision."""
    table = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"))
    return {row["image_id"]: (row["sha256"], row["matte_digest"]) for row in table.to_pylist()}


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """A delivery of two products."""
    for seed in range(2):
        product(tmp_path / "shoot" / f"{seed}.jpg", seed=seed)
    return tmp_path / "shoot"


@pytest.fixture
def judge(site: Site, shoot: Path, tmp_path: Path) -> Judge:
    """Takes the current delivery up to the gate's decision, on its own day or as the given delivery."""

    def judged(delivery: DeliveryKey | None = None) -> GateDecision:
        table, day = folder_manifest(shoot)
        shutil.rmtree(tmp_path / "manifest", ignore_errors=True)
        date = delivery.date if delivery else day
        write_table(open_store(str(tmp_path)), f"manifest/date={date}/part.parquet", table)
        source = str(tmp_path / "manifest")
        planned = plan(site, source, inspect(source).accepted[0])
        with open_runner(site) as runner:
            for shard in planned.shard_keys():
                segment(site, shard, runner)
        return gate(site, planned.plan_id)

    return judged


def test_a_network_that_returns_is_published_again(site: Site, refresh: Refresh, shoot: Path) -> None:
    """However often two networks alternate, the live images are from the last one."""
    for model in ("default", "default-int8", "default", "default-int8", "default"):
        decision, _ = refresh(site.model_copy(update={"model": model}), shoot)
        assert live(site, "shoot") == decided(site, decision)
        assert decision.published == 2


def test_a_photograph_that_returns_is_published_again(site: Site, refresh: Refresh, shoot: Path) -> None:
    """A file that alternates between two contents is live as it was last delivered."""
    for seed in (0, 7, 0, 7, 0):
        product(shoot / "0.jpg", seed=seed)
        decision, _ = refresh(site, shoot)
        assert live(site, "shoot") == decided(site, decision)


def test_runs_that_change_nothing_add_no_publications(site: Site, refresh: Refresh, shoot: Path) -> None:
    """The history does not grow with every scheduled run."""
    gates = {refresh(site, shoot)[0].gate_id for _ in range(4)}
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.counts().publications == len(gates) == 2


def test_a_late_retry_never_undoes_a_newer_version_of_its_delivery(site: Site, shoot: Path, judge: Judge) -> None:
    """If version B of the same day was published since version A was judged, A is refused with a message."""
    product(shoot / "0.jpg", seed=0)
    late = judge(None)
    product(shoot / "0.jpg", seed=7)
    newer = judge(late.delivery)
    publish(site, newer.gate_id)
    with pytest.raises(OvertakenError, match="another version"):
        publish(site, late.gate_id)
    assert live(site, "shoot") == decided(site, newer)


def test_a_decision_that_another_day_overtook_is_made_again(site: Site, shoot: Path, judge: Judge) -> None:
    """Monday was judged before Tuesday was published, so Monday's images are recorded as superseded."""
    monday = judge(None)
    product(shoot / "0.jpg", seed=7)
    day = monday.delivery.date + timedelta(days=1)
    tuesday = judge(DeliveryKey(date=day, delivery_id="shoot"))
    publish(site, tuesday.gate_id)
    done = publish(site, monday.gate_id)
    assert (done.published, done.gate_id != monday.gate_id) == (0, True)
    assert live(site, "shoot") == decided(site, tuesday)


def test_an_older_day_that_returns_says_what_replaced_it(site: Site, shoot: Path, judge: Judge) -> None:
    """One image is skipped because it is live already, and one because a later day delivered another."""
    monday = judge(None)
    publish(site, monday.gate_id)
    product(shoot / "0.jpg", seed=7)
    tuesday = judge(DeliveryKey(date=monday.delivery.date + timedelta(days=1), delivery_id="shoot"))
    publish(site, tuesday.gate_id)
    product(shoot / "0.jpg", seed=0)
    again = judge(monday.delivery)
    table = read_table(open_store(site.tables_url), gate_file(again.gate_id, "outcomes.parquet"))
    reasons = dict(zip(table.column("image_id").to_pylist(), table.column("reasons").to_pylist(), strict=True))
    assert again.skipped == 2
    assert reasons == {"0.jpg": [REPLACED], "1.jpg": [ALREADY_PUBLISHED]}


def test_a_repeated_publication_is_recorded_once(site: Site, judge: Judge) -> None:
    """A retry returns the recorded publication, whatever came after it."""
    decision = judge(None)
    first = publish(site, decision.gate_id)
    later = publish(site, judge(decision.delivery).gate_id)
    assert publish(site, decision.gate_id) == first
    assert (later.published, later.confirmed) == (0, 2)
