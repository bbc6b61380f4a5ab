"""Another network replaces the most doubtful live masks, after a canary, and never by worse ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from cutouts import intake
from cutouts.adapters.catalog import Catalog
from cutouts.api.backfills import backfill
from cutouts.api.upgrades import plan_upgrade, upgrade
from cutouts.cli import cli
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillBudget, BackfillPhase
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, GateError
from cutouts.core.upgrades import Canary, choices
from cutouts.steps import upgrade as step
from cutouts.steps.live_doubts import live_doubts
from tests.deliveries import land, manifest_of, photograph, product
from tests.reddish import site_with_reddish

DAY = date(2025, 3, 4)
TO_INT8 = BackfillSelection(stale=True, model="default-int8", not_worse=True)


@pytest.fixture
def site(tmp_path: Path, quick_suite: str) -> Site:
    """A site with four published products of the network `default`, in two deliveries."""
    root, allowed = str(tmp_path / "site"), (str(tmp_path),)
    site = Site(root=root, cluster="serial", mask_quality=quick_suite, allowed_sources=allowed)
    for name, first in (("acme", 0), ("other", 10)):
        photograph(tmp_path / name / name, *map(product, (first, first + 1)))
        intake.take(site, str(land(tmp_path / "archive", name, DAY, manifest_of(tmp_path / name))))
    assert backfill(BackfillSelection(), site=site).cut == 4
    return site


def _live(site: Site) -> dict[str, tuple[str, float]]:
    """The recipe of each live image, and the doubt about its mask."""
    with Catalog.open(site.catalog_url) as catalog:
        found = [catalog.published(name) for name in ("acme", "other")]
    return {
        row["image_id"]: (row["matte_digest"], doubt)
        for live in found
        for row, doubt in zip(live.to_pylist(), live_doubts(site, live).tolist(), strict=True)
    }


def test_an_upgrade_publishes_only_what_is_not_worse(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan cuts only the canary; the run replaces every image but the one whose new mask is more doubtful."""
    before = _live(site)
    found = plan_upgrade(site, TO_INT8, canary=2)
    assert (found.stale, found.canary.images, found.canary.cut, found.problems) == (4, 2, 2, ())
    assert found.choices[-1].images == 4
    assert _live(site) == before
    assert plan_upgrade(site, TO_INT8, canary=2).canary == found.canary
    _said_by_the_command(site, tmp_path)
    monkeypatch.setattr(Canary, "is_worse", False)
    _with_doubts(monkeypatch, 0.0, but={"other/01.png": 0.9})
    state, done = upgrade(site, TO_INT8, canary=2)
    assert (state.phase, state.cut, done.compared, done.kept) == (BackfillPhase.DONE, 2, 4, 1)
    after = _live(site)
    assert {name for name in before if after[name][0] == before[name][0]} == {"other/01.png"}
    assert "of what upgrading all of them would gain, for 100 % of the model time" in done.words
    again, _ = upgrade(site, TO_INT8, canary=2)
    assert (again.phase, _live(site)) == (BackfillPhase.DONE, after)


def _said_by_the_command(site: Site, tmp_path: Path) -> None:
    """`cutouts upgrade plan` prints a line for each choice, and needs a network."""
    settings = tmp_path / "site.toml"
    settings.write_text(f'root = "{site.root}"\ncluster = "serial"\nallowed_sources = ["{tmp_path}"]\n')
    where = ["--config", str(settings)]
    said = CliRunner().invoke(cli, ["upgrade", "plan", "--model", "default-int8", "--canary", "2", *where])
    assert said.exit_code == 0, said.output
    assert "upgrade to default-int8: 4 live images of other recipes" in said.stdout
    assert "canary: 2 images" in said.stdout
    assert "100 %" in said.stdout.splitlines()[-1]
    assert CliRunner().invoke(cli, ["upgrade", "plan", *where]).exit_code == 2


@pytest.mark.parametrize("doubt", [0.9, None], ids=["worse", "not calibrated for its rows"])
def test_a_worse_network_replaces_nothing(site: Site, monkeypatch: pytest.MonkeyPatch, doubt: float | None) -> None:
    """The canary stops it; and if the canary happened to miss it, each image is compared by itself. A mask whose doubt
    is not known counts as bad."""
    before = _live(site)
    _with_doubts(monkeypatch, doubt)
    with pytest.raises(CutoutsError, match=r"canary: 2 images, 0 better, 2 worse"):
        upgrade(site, TO_INT8, canary=2)
    assert _live(site) == before
    monkeypatch.setattr(Canary, "is_worse", False)
    _, done = upgrade(site, TO_INT8, canary=2)
    assert (done.compared, done.kept, done.gain) == (4, 4, 0.0)
    assert {name: recipe for name, (recipe, _) in _live(site).items()} == {
        name: recipe for name, (recipe, _) in before.items()
    }


def test_only_doubtful_images_are_upgraded_within_the_budget(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images with less doubt keep their masks; out of budget, the same call continues."""
    _with_doubts(monkeypatch, 0.0)
    doubts = sorted(doubt for _, doubt in _live(site).values())
    least = doubts[2]
    chosen = BackfillSelection(stale=True, model="default-int8", doubt=least, not_worse=True)
    expected = sum(doubt >= least for doubt in doubts)
    before = {name for name, (_, doubt) in _live(site).items() if doubt < least}
    old = {name: recipe for name, (recipe, _) in _live(site).items()}
    phases = []
    for _ in range(expected + 1):
        state, _ = upgrade(site, chosen, canary=1, budget=BackfillBudget(images=1))
        phases.append(state.phase)
    assert phases[-1] is BackfillPhase.DONE
    now = {name: recipe for name, (recipe, _) in _live(site).items()}
    assert {name for name in now if now[name] == old[name]} == before


def test_a_network_for_which_the_gate_is_not_calibrated_cannot_be_compared(tmp_path: Path) -> None:
    """This is refused at once, even if the suite needs no calibration."""
    site = site_with_reddish(tmp_path)
    how = r"cutouts gate calibrate --network reddish (.|\n)*cutouts backfill --stale --model reddish"
    with pytest.raises(GateError, match=how):
        plan_upgrade(site, BackfillSelection(stale=True, model="reddish", not_worse=True))


def _with_doubts(
    monkeypatch: pytest.MonkeyPatch, doubt: float | None, *, but: Mapping[str, float] | None = None
) -> None:
    """Give the masks of the new network this doubt, `but` some, whatever its calibration says."""

    def said(metrics: pa.Table, _: object) -> pa.Array:
        names = metrics.column("image_id").to_pylist()
        return pa.array([(but or {}).get(name, doubt) for name in names], pa.float32())

    monkeypatch.setattr(step, "p_bad_of", said)


def test_the_choices_say_what_they_buy_against_chance() -> None:
    """With the gain in the doubtful half, a tenth of the images buys a fifth of it."""
    doubts = [number / 100 for number in range(100)]
    canary = Canary(before=tuple(doubts), after=tuple(min(one, 0.5) for one in doubts), cut=100, seconds=50.0)
    found = {choice.images: choice for choice in choices(doubts, canary)}
    assert sorted(found) == [5, 10, 20, 50, 100]
    assert found[10].share == pytest.approx(0.1)
    assert found[10].gain == pytest.approx(
        sum(one - 0.5 for one in doubts[90:]) / sum(one - 0.5 for one in doubts[50:])
    )
    assert found[50].gain == pytest.approx(1)
    assert choices([], canary) == ()
