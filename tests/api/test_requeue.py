"""Quarantined images are cut once more by another network: which ones, how they are judged, and what the books say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cutouts import intake
from cutouts.adapters.catalog import Catalog
from cutouts.api.backfills import backfill, survey
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillPhase
from cutouts.core.backfills.survey import Why
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import CutoutsError, GateError
from cutouts.core.pixels import Bytes
from cutouts.core.records import DeliveryKey
from cutouts.review.pages import Reader, delivery_page
from cutouts.review.sheets import open_sheet
from cutouts.review.standings import newest_decision, standing_of
from cutouts.runner import open_runner
from cutouts.steps import approve, gate, keep_back, plan, publish, read_decision, segment, waiting_holds
from cutouts.steps.explain import explain
from cutouts.steps.reviews import waiting_images
from cutouts.steps.suite_check import check_suite
from tests.command import Done
from tests.command import cutouts as command
from tests.deliveries import land, manifest_of, nothing, photograph, product
from tests.reddish import asking_for_reddish, site_with_reddish, square

DAY, LATER = date(2025, 3, 4), date(2025, 3, 5)
AGAIN = BackfillSelection(quarantined=True, model="default-int8")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a network `reddish`, which sees what is red, and a suite that needs no calibration."""
    return site_with_reddish(tmp_path)


def take(site: Site, tmp_path: Path, day: date, *pictures: Bytes) -> DeliveryKey:
    """Take a delivery of these pictures that asks for the network `reddish`, and process it."""
    photograph(tmp_path / str(day) / "acme", *pictures)
    table = asking_for_reddish(manifest_of(tmp_path / str(day)))
    intake.take(site, str(land(tmp_path / "archive", str(day), day, table)))
    assert backfill(BackfillSelection(first=day), site=site).failed == ()
    return DeliveryKey(date=day, delivery_id="acme")


def live(site: Site) -> dict[str, str]:
    """The recipe of each live image."""
    with Catalog.open(site.catalog_url) as catalog:
        return {row["image_id"]: row["matte_digest"] for row in catalog.published("acme").to_pylist()}


def decisions(site: Site, delivery: DeliveryKey) -> list[GateDecision]:
    """The decisions about a delivery, the oldest first."""
    with Catalog.open(site.catalog_url) as catalog:
        return [read_decision(site, gate_id) for gate_id in catalog.gates_on(delivery)]


def counts(site: Site, selection: BackfillSelection) -> dict[Why, int]:
    """The number of images of a survey for each reason."""
    found = survey(site, selection)
    return {why: found.count(why) for why in Why if found.count(why)}


def test_quarantined_images_are_cut_once_more_by_another_network(site: Site, tmp_path: Path) -> None:
    """Two are published and nothing else changes. The rest stays in quarantine, without a hold though most are bad, and
    is not tried by this network again."""
    delivered = take(site, tmp_path, DAY, *map(product, range(2)), *map(nothing, range(5)), *map(square, range(34)))
    before = live(site)
    (first,) = decisions(site, delivered)
    assert (len(before), first.quarantined) == (34, 7)
    assert counts(site, AGAIN) == {Why.QUARANTINED: 7}

    state = backfill(AGAIN, site=site)
    assert (state.phase, state.cut, state.failed) == (BackfillPhase.DONE, 7, ())
    _, second = decisions(site, delivered)
    assert (second.images, second.published, second.quarantined, second.balances) == (7, 2, 5, True)
    assert [one.split(":")[0] for one in second.warnings] == ["not applied to a second try"]
    after = live(site)
    assert {name: after[name] for name in before} == before
    assert {after[name] for name in after.keys() - before.keys()} == {second.recipe.matte_digest}
    assert sorted(after.keys() - before.keys()) == ["acme/00.png", "acme/01.png"]
    _told(site, delivered, first, second)

    assert counts(site, AGAIN) == {Why.TRIED: 5}
    assert (backfill(AGAIN, site=site).cut, len(decisions(site, delivered))) == (0, 2)
    assert counts(site, replace(AGAIN, model="default-licensed")) == {Why.QUARANTINED: 5}
    planned = plan(site, intake.source_of(site, delivered), delivered)  # again, by the network that it asks for
    assert publish(site, gate(site, planned.plan_id).gate_id).published == 0
    assert live(site) == after
    again = decisions(site, delivered)[-1]
    assert (again.quarantined, waiting_images(site, again).num_rows) == (7, 5)
    assert counts(site, AGAIN) == {Why.TRIED: 5, Why.LIVE: 2}


def _told(site: Site, delivered: DeliveryKey, first: GateDecision, second: GateDecision) -> None:
    """The books say where the second result comes from, and what was published does not wait for a person any more."""
    (ball,) = explain(site, "acme/00.png", delivery=delivered)
    assert ball.published is not None
    assert ball.published.plan is not None
    assert (ball.published.plan.model, ball.published.plan.second_try_of) == ("default-int8", (first.gate_id,))
    said = command("explain", "acme/00.png", "--out", site.root).stdout
    assert f"second try by the network default-int8 of images that gate {first.gate_id} quarantined" in said
    assert waiting_images(site, first).column("image_id").to_pylist() == [
        f"acme/0{number}.png" for number in range(2, 7)
    ]
    changes = check_suite(site, Path(str(site.mask_quality)))
    assert [(one.images, one.differs) for one in changes] == [(7, False), (41, False)]
    standing, _ = standing_of(site, open_sheet(site, first.gate_id))
    assert (standing.unseen, waiting_images(site, second).num_rows) == (5, 5)
    page = delivery_page(site, Reader(name="Ada", prefix="/cutouts", token="t"), first.gate_id)
    assert page.count("live by another decision") == 2
    assert newest_decision(site, delivered) == first.gate_id  # the whole delivery, not the second try of a part
    for one in (first, second):
        page = delivery_page(site, Reader(name="Ada", prefix="/cutouts"), one.gate_id)
        assert f'href="/cutouts/gate/{first.gate_id}"' in page
        assert f'href="/cutouts/gate/{second.gate_id}"' in page
        assert "second try of 7 images, 2 published" in page
    with pytest.raises(CutoutsError, match=r"is called acme/00\.png"):
        approve(site, first.gate_id, by="Ada", why="looked at", also=["acme/00.png"])


def test_a_delivery_that_is_held_still_waits_after_quarantined_images_were_tried_again(
    site: Site, tmp_path: Path
) -> None:
    """A correction of the delivery is held. The images that its first version left in quarantine are tried again and
    published, which decides nothing about the correction."""
    delivered = take(site, tmp_path, DAY, product(0), *map(square, range(4)))
    photograph(tmp_path / "other" / "acme", *map(nothing, range(5)))
    table = asking_for_reddish(manifest_of(tmp_path / "other"))
    names = pa.array([f"other-{number}" for number in range(5)])
    table = table.set_column(table.schema.get_field_index("image_id"), table.schema.field("image_id"), names)
    planned = plan(site, str(land(tmp_path / "corrected", str(DAY), DAY, table)), delivered)
    with open_runner(site) as runner:
        for shard in planned.shard_keys():
            segment(site, shard, runner)
    held = gate(site, planned.plan_id)
    assert [one.gate_id for one in waiting_holds(site)] == [held.gate_id]
    assert backfill(AGAIN, site=site).cut == 1
    assert len(live(site)) == 5
    assert [one.gate_id for one in waiting_holds(site)] == [held.gate_id]
    done = approve(site, held.gate_id, by="Ada", why="looked at", also=["other-0"])
    assert (done.published, len(live(site))) == (1, 6)


def test_images_are_selected_by_reason_and_by_what_people_said(site: Site, tmp_path: Path) -> None:
    """A person's rejection counts, unless it is asked to ignore it. What a later day delivered is left alone."""
    delivered = take(site, tmp_path, DAY, product(0), product(1), *map(square, range(4)))
    (first,) = decisions(site, delivered)
    keep_back(site, first.gate_id, {"acme/01.png": "blurred"}, by="Ada", why="looked at")
    assert counts(site, AGAIN) == {Why.QUARANTINED: 1, Why.REFUSED: 1}
    assert counts(site, replace(AGAIN, refused_too=True)) == {Why.QUARANTINED: 2}
    assert counts(site, replace(AGAIN, reason="HALF TRANSPARENT")) == {Why.QUARANTINED: 1, Why.REFUSED: 1}
    assert counts(site, replace(AGAIN, reason="no product")) == {}
    assert counts(site, replace(AGAIN, products=("acme/01",))) == {Why.REFUSED: 1}
    take(site, tmp_path, LATER, square(9))
    assert counts(site, replace(AGAIN, last=DAY)) == {Why.SUPERSEDED: 1, Why.REFUSED: 1}


def test_a_photograph_that_cannot_be_read_stays_in_quarantine(site: Site, tmp_path: Path) -> None:
    """It is rejected, which publishes nothing, and is tried again when it is there."""
    delivered = take(site, tmp_path, DAY, product(0), product(1), *map(square, range(4)))
    gone = tmp_path / str(DAY) / "acme" / "00.png"
    gone.rename(tmp_path / "moved")
    assert backfill(AGAIN, site=site).failed == ()
    second = decisions(site, delivered)[-1]
    assert (second.rejected, second.published) == (1, 1)
    assert counts(site, AGAIN) == {Why.QUARANTINED: 1}
    (tmp_path / "moved").rename(gone)
    assert backfill(AGAIN, site=site).cut == 1
    assert {"acme/00.png", "acme/01.png"} < live(site).keys()


def test_the_command_says_what_it_would_do_and_does_it(site: Site, tmp_path: Path) -> None:
    """The dry run names the network, the counts and the gate's reasons; a selection and a network are needed."""
    take(site, tmp_path, DAY, product(0), *map(square, range(4)))
    settings = tmp_path / "site.toml"
    settings.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in _settings(site).items()))

    def call(*arguments: str) -> Done:
        return command("requeue", *arguments, "--config", settings)

    chosen = ("--model", "default-int8", "--delivery", "2025-03-04/acme")
    dry = call(*chosen, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "quarantined images again, by the network default-int8; delivered 2025-03-04" in dry.stdout
    assert "1 image quarantined, to be tried with these settings\n    1 image: the product is half" in dry.stdout
    assert "0 with work" in call("--model", "default-int8", "--delivery", "acm", "--dry-run").stdout
    assert len(live(site)) == 4
    done = call(*chosen)
    assert (done.returncode, ": done, 1 of 1 image cut" in done.stdout) == (0, True)
    assert len(live(site)) == 5
    for wrong in (("--all",), ("--model", "default-int8"), (*chosen, "--all"), (*chosen, "--from", "2025-03-04")):
        assert call(*wrong).returncode == 2


def _settings(site: Site) -> dict[str, object]:
    names = ("root", "cluster", "model", "models", "mask_quality", "allowed_sources")
    return {name: getattr(site, name) for name in names}


def test_a_network_for_which_the_gate_is_not_calibrated_is_refused_at_once(site: Site) -> None:
    """The dry run says so already, and how to calibrate it."""
    shipped = site.model_copy(update={"mask_quality": None})
    with pytest.raises(GateError, match=r"cutouts gate calibrate --network reddish"):
        survey(shipped, replace(AGAIN, model="reddish"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "soft"},
        {"refused_too": True},
        {"quarantined": True},
        {"quarantined": True, "model": "m", "stale": True},
    ],
    ids=["reason alone", "refused alone", "no network", "stale too"],
)
def test_a_selection_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    """Reasons are of quarantined images, and these need a network."""
    with pytest.raises(ValueError, match="second try"):
        BackfillSelection(**wrong)
