"""Of two people who release a delivery at the same time, one does, and the other one learns who."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Approval
from cutouts.steps import approve, waiting_hold
from tests.adapters.catalog.conftest import postgres_schema
from tests.deliveries import nothing, photograph, product
from tests.steps.conftest import Refresh

__all__ = ["postgres_schema"]

COMMAND = Path(sys.executable).parent / "cutouts"


@pytest.fixture
def held(site: Site, refresh: Refresh, tmp_path: Path) -> GateDecision:
    """A held delivery of one product and five photographs of nothing."""
    decision, _ = refresh(site, photograph(tmp_path / "shoot", product(0), *map(nothing, range(5))))
    assert decision.verdict is Verdict.HOLD
    return decision


@pytest.mark.parametrize("catalog", ["sqlite", "postgresql"])
def test_one_of_two_processes_wins_and_the_other_says_who(
    catalog: str, site: Site, refresh: Refresh, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The commands of Ada and of Bob: one exit status is 0, the other 1 with the winner's name and reason."""
    url = request.getfixturevalue("postgres_schema") if catalog == "postgresql" else f"sqlite:///{tmp_path}/c.sqlite"
    site = site.model_copy(update={"catalog": url})
    gate_id = refresh(site, photograph(tmp_path / "shoot", product(0), *map(nothing, range(5))))[0].gate_id
    settings = tmp_path / "site.toml"
    described = {"root": site.root, "catalog": url, "cluster": "serial", "mask_quality": site.mask_quality}
    settings.write_text("".join(f'{name} = "{value}"\n' for name, value in described.items()))
    reasons = {"Ada": "meant so", "Bob": "dark on purpose"}
    running = {
        name: subprocess.Popen(
            [COMMAND, "publish", "--approve", gate_id, "--by", name, "--why", why, "--config", settings],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, why in reasons.items()
    }
    said = {name: one.communicate()[1] for name, one in running.items()}
    assert sorted(one.returncode for one in running.values()) == [0, 1], said
    (winner,) = (name for name, one in running.items() if one.returncode == 0)
    (loser,) = {*reasons} - {winner}
    assert winner in said[loser]
    assert reasons[winner] in said[loser]
    with Catalog.open(url) as opened:
        word = opened.holds.word_about(gate_id)
        (published,) = opened.last_publications(9)
    assert isinstance(word, Approval)
    assert (word.by, published.approval) == (winner, word)


def test_a_release_in_the_middle_of_another_one_publishes_it_and_says_who(site: Site, held: GateDecision) -> None:
    """Ada's word is recorded, and her command has not published yet, or was killed."""
    hold = waiting_hold(site, held.gate_id)
    word = Approval(
        judged=hold.judged,
        gate_id=hold.gate_id,
        delivery=hold.delivery,
        by="Ada",
        why="meant so",
        at=datetime.now(UTC),
    )
    with Catalog.open(site.catalog_url) as catalog:
        catalog.holds.approve(word)
    with pytest.raises(CutoutsError, match=r"^Ada released .*/shoot before: meant so\. Your decision was not"):
        approve(site, held.gate_id, by="Bob", why="dark on purpose", but={"00.png": "blurred"})
    with Catalog.open(site.catalog_url) as catalog:
        (published,) = catalog.last_publications(9)
        assert catalog.reviews() == ()
    assert (published.approval, published.published) == (word, 1)
    with pytest.raises(CutoutsError, match=r"is not held: Ada released it: meant so$"):
        waiting_hold(site, "shoot")


def test_a_killed_release_is_repeated(site: Site, held: GateDecision) -> None:
    """The same person, with the same reason: nothing is lost, so it is not an error."""
    hold = waiting_hold(site, held.gate_id)
    at = datetime.now(UTC)
    word = Approval(judged=hold.judged, gate_id=hold.gate_id, delivery=hold.delivery, by="Ada", why="meant so", at=at)
    with Catalog.open(site.catalog_url) as catalog:
        catalog.holds.approve(word)
    assert approve(site, held.gate_id, by="Ada", why="meant so").approval == word
