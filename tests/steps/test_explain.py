"""The origin of an image is explained from its bytes to its objects, even if it is not in the catalogue."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.code_version import code_version
from cutouts.adapters.storage.store import Store
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Draft, Order, Selection
from cutouts.steps import approve, reject, waiting_holds
from cutouts.steps.explain import explain
from cutouts.steps.verify import verify
from tests.adapters.catalog.made import NOON, entry
from tests.command import cutouts
from tests.photographs import blank, broken, product
from tests.steps.conftest import Refresh


def test_a_live_image_is_explained_from_its_bytes_to_its_objects(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """It shows content, recipe, network, code, plan, shard, gate with the suite's text, publication and objects."""
    photograph = tmp_path / "shoot" / "0.jpg"
    product(photograph)
    decision, _ = refresh(site, tmp_path / "shoot")
    (found,) = explain(site, "0.jpg")
    told = found.published
    assert found.live is not None
    assert told is not None
    assert told.sha256 == found.live.sha256 == hashlib.sha256(photograph.read_bytes()).hexdigest()
    assert (told.gate.gate_id, told.outcome, told.made) == (decision.gate_id, "published", found.publication_id)
    assert told.recipe is not None
    assert (told.recipe.model, told.recipe.recipe.digests) == ("default", found.live.recipe)
    assert told.plan is not None
    assert (told.plan.code, told.code, told.plan.manifest) == (code_version(), code_version(), f"{tmp_path}/manifest")
    assert told.shard == told.plan.shard_keys()[0]
    assert told.suite is not None
    assert '"expectations"' in told.suite
    assert any(rule.words for rule in told.gate.expectations)
    for stored in (told.mask, told.cutout):
        assert stored is not None
        assert stored.bytes == Store(site.objects_url).size(stored.name)
    assert explain(site, "0") == (found,)


def test_an_image_that_is_live_for_years_is_explained(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """However often its delivery id was published since; its tables are still there."""
    product(tmp_path / "shoot" / "0.jpg")
    decision, _ = refresh(site, tmp_path / "shoot")
    (before,) = explain(site, "0.jpg")
    with Catalog.open(site.catalog_url) as catalog:
        for number in range(50):
            day = replace(decision.delivery, date=decision.delivery.date + timedelta(days=number + 1))
            catalog.publish(
                [entry(f"later-{number}", day)], Draft(gate_id=f"gate-{number}", plan_id="plan", delivery=day, at=NOON)
            )
    assert explain(site, "0.jpg") == (before,)
    assert before.published is not None
    (asked,) = explain(site, "0.jpg", delivery=decision.delivery)
    assert [one.gate.gate_id for one in asked.decisions] == [decision.gate_id]


def test_a_withdrawn_image_is_explained_by_who_withdrew_it_and_why(
    site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    """The order, after the decision that had published the image."""
    product(tmp_path / "shoot" / "0.jpg")
    refresh(site, tmp_path / "shoot")
    with Catalog.open(site.catalog_url) as catalog:
        catalog.history.withdraw(Selection(image_id="0.jpg"), Order(by="Ada", because="sold out", at=NOON))
    (found,) = explain(site, "0.jpg", delivery="shoot")
    assert found.live is None
    told = cutouts("explain", "0.jpg", "--delivery", "shoot", "--out", site.root).stdout
    assert told.startswith("image 0.jpg of delivery shoot: not live: withdrawn by Ada (publication 2): sold out\n")
    assert "outcome      published" in told


def test_an_unpublished_image_is_explained_with_its_delivery(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """A rejected image has its reason; an unknown one is an error that says what to do."""
    product(tmp_path / "shoot" / "0.jpg")
    broken(tmp_path / "shoot" / "1.jpg", seed=1)
    refresh(site, tmp_path / "shoot")
    (found,) = explain(site, "1.jpg", delivery="shoot")
    assert (found.live, found.published) == (None, None)
    (told,) = found.decisions
    assert told.outcome == "rejected"
    assert told.reasons
    assert told.made is None
    with pytest.raises(CutoutsError, match="--delivery"):
        explain(site, "1.jpg")
    with pytest.raises(CutoutsError, match=r"no decision about delivery shoot has an image of that id$"):
        explain(site, "2.jpg", delivery="shoot")


def test_releases_and_rejections_are_explained(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """Each has a name and a reason, at its decision."""
    for seed in range(5):
        blank(tmp_path / "grey" / f"{seed}.jpg", seed=seed)
        blank(tmp_path / "white" / f"{seed}.jpg", seed=10 + seed)
    refresh(site, tmp_path / "grey")
    (hold,) = waiting_holds(site)
    approve(site, hold.gate_id, by="Ada", why="meant so")
    refresh(site, tmp_path / "white")
    (hold,) = waiting_holds(site)
    reject(site, hold.gate_id, by="Bob", why="too dark")
    released = explain(site, "0.jpg", delivery="grey")[0].decisions[0]
    assert released.publication is not None
    assert released.publication.approval is not None
    assert (released.publication.approval.by, released.publication.approval.why) == ("Ada", "meant so")
    rejected = explain(site, "0.jpg", delivery="white")[0].decisions[0]
    assert rejected.rejection is not None
    assert (rejected.outcome, rejected.rejection.by, rejected.rejection.why) == ("held", "Bob", "too dark")


KINDS = ("decision.json", "outcomes.parquet", "plan.json", "shards.parquet", "receipt.json", "recipes/", "suites/")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named_and_no_other_decision_is_taken_for_the_newest(
    site: Site, refresh: Refresh, tmp_path: Path, kind: str
) -> None:
    """The command ends with status 1 and says how to repair it; after the repair, it is as if the file was cleared."""
    for seed in (0, 1):
        product(tmp_path / "shoot" / "0.jpg", seed=seed)
        decision, _ = refresh(site, tmp_path / "shoot")
    tables = Store(site.tables_url)
    of_the_newest = (decision.gate_id, decision.plan_id, "recipes/", "suites/")
    (name,) = (one for one in tables.names("", "") if kind in one and any(part in one for part in of_the_newest))
    tables.write(name, tables.read(name)[:-9])
    done = cutouts("explain", "0.jpg", "--out", site.root)
    assert done.returncode == 1
    assert f"{tables.url}/{name} is damaged" in done.stderr
    assert "cutouts verify --repair" in done.stderr
    assert "live since publication 2" in done.stdout
    assert "publication  1" not in done.stdout
    verify(site, repair=True)
    done = cutouts("explain", "0.jpg", "--out", site.root)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_cleared_tables_the_catalogue_s_knowledge_remains(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """Content, recipe and objects remain without the gate's tables, and the decision without the plan's."""
    product(tmp_path / "shoot" / "0.jpg")
    refresh(site, tmp_path / "shoot")
    tables = Store(site.tables_url)
    for name in tables.names("plans", ""):
        tables.remove(name)
    told = explain(site, "0.jpg")[0].published
    assert told is not None
    assert (told.plan, told.shard) == (None, None)
    for name in tables.names("gates", ""):
        tables.remove(name)
    (found,) = explain(site, "0.jpg")
    assert found.live is not None
    assert (found.published, found.decisions) == (None, ())
