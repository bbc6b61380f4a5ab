"""Older deliveries are worked on again: what is selected and why, within a budget, stopped and resumed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cutouts import intake
from cutouts.adapters.catalog import Catalog
from cutouts.api.backfills import backfill, survey
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillBudget, BackfillPhase
from cutouts.core.backfills.survey import Why
from cutouts.core.config import Site
from cutouts.steps.backfill_progress import backfills, cancel_backfill
from tests.deliveries import land, manifest_of, nothing, photograph, product

MARCH, APRIL = date(2025, 3, 4), date(2025, 4, 5)
Take = Callable[[str, date, int], None]


@pytest.fixture
def site(tmp_path: Path, quick_suite: str) -> Site:
    """A site on local files that works in this process, two images a shard."""
    root, allowed = str(tmp_path / "site"), (str(tmp_path),)
    return Site(root=root, cluster="serial", shard_images=2, mask_quality=quick_suite, allowed_sources=allowed)


@pytest.fixture
def take(site: Site, tmp_path: Path) -> Take:
    """Records a delivery of so many products as taken, without working on it."""

    def taken(name: str, day: date, images: int) -> None:
        first = 10 if name == "other" else 0  # no two deliveries have the same photographs
        photograph(tmp_path / f"{day}" / name / name, *map(product, range(first, first + images)))
        table = manifest_of(tmp_path / f"{day}" / name)
        category = pa.array([f"kind-{index % 2}" for index in range(images)], pa.string())
        table = table.set_column(table.schema.get_field_index("category"), table.schema.field("category"), category)
        intake.take(site, str(land(tmp_path / "archive", f"{name}-{day}", day, table)))

    return taken


def live(site: Site) -> set[tuple[str, str]]:
    """The delivery and the id of each live image."""
    with Catalog.open(site.catalog_url) as catalog:
        return {(row["delivery_id"], row["image_id"]) for row in catalog.live().to_pylist()}


def test_a_survey_of_a_site_without_known_deliveries_says_which_are_known(site: Site, take: Take) -> None:
    """Nothing to do would look like a site that is up to date."""
    known = "  only deliveries that Airflow or `cutouts run` has processed are known here"
    everything = BackfillSelection()
    assert known in survey(site, everything).words(everything)
    take("acme", MARCH, 1)
    assert known not in survey(site, everything).words(everything)


def test_a_backfill_that_finds_no_work_says_where_it_looked(site: Site) -> None:
    """A site whose steps were called one by one has deliveries, but a backfill does not know them."""
    said = backfill(BackfillSelection(), site=site).words
    assert "nothing to do in deliveries that Airflow or `cutouts run` has processed" in said


def test_a_backfill_says_which_deliveries_the_gate_held(site: Site, tmp_path: Path) -> None:
    """Everything was cut, but nothing of it is live before a person releases it."""
    photograph(tmp_path / "acme" / "acme", product(0), *map(nothing, range(5)))
    intake.take(site, str(land(tmp_path / "archive", "acme", MARCH, manifest_of(tmp_path / "acme"))))
    state = backfill(BackfillSelection(), site=site)
    assert (state.phase, state.held, live(site)) == (BackfillPhase.DONE, (f"{MARCH}/acme",), set())
    assert "1 of 1 delivery done, 1 held, see `cutouts holds`" in state.words


def test_a_photograph_of_two_deliveries_is_cut_once_and_both_are_done(site: Site, tmp_path: Path) -> None:
    """The second delivery needs less than the survey counted. It was not counted as done, nor its images as cut."""
    for name, day in (("acme", MARCH), ("other", APRIL)):
        photograph(tmp_path / name / name, product(0), product(len(name)))
        intake.take(site, str(land(tmp_path / "archive", name, day, manifest_of(tmp_path / name))))
    state = backfill(BackfillSelection(), site=site)
    assert (state.cut, state.images, state.deliveries_done, state.deliveries) == (3, 3, 2, 2)
    assert len(live(site)) == 4


def test_a_survey_counts_the_work_and_does_nothing(site: Site, take: Take) -> None:
    """It says how many images and why; the speed is unknown until something was cut."""
    take("acme", MARCH, 3)
    take("other", APRIL, 1)
    found = survey(site, BackfillSelection(last=MARCH))
    assert [str(one.delivery) for one in found.deliveries] == ["2025-03-04/acme"]
    assert (found.todo, found.count(Why.MISSING), found.images_per_second, found.duration) == (3, 3, None, None)
    assert found.bytes > 1000
    assert not Path(site.tables_url, "plans").exists()
    backfill(BackfillSelection(last=MARCH), site=site)
    again = survey(site, BackfillSelection())
    assert (again.todo, again.count(Why.CURRENT), again.count(Why.MISSING)) == (1, 3, 1)
    assert again.duration is not None


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (BackfillSelection(first=APRIL), {("other", "other/00.png")}),
        (BackfillSelection(suppliers=("ac*",)), {("acme", "acme/00.png"), ("acme", "acme/01.png")}),
        (BackfillSelection(categories=("kind-1",)), {("acme", "acme/01.png")}),
        (BackfillSelection(products=("acme/00",)), {("acme", "acme/00.png")}),
    ],
    ids=["days", "suppliers", "categories", "products"],
)
def test_only_the_selected_images_are_worked_on(
    site: Site, take: Take, selection: BackfillSelection, expected: set[tuple[str, str]]
) -> None:
    """They are selected by day, supplier, category or product; the other images of a delivery stay as they are."""
    take("acme", MARCH, 2)
    take("other", APRIL, 1)
    state = backfill(selection, site=site)
    assert (state.phase, state.cut, state.left) == (BackfillPhase.DONE, len(expected), timedelta(0))
    assert live(site) == expected


def test_the_live_images_of_a_supplier_are_read_once(site: Site, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of however many days; the deliveries stay in the order of the selection."""
    for day in (MARCH, APRIL, APRIL + timedelta(days=1)):
        take("acme", day, 2)
        take("other", day, 1)
    read: list[str] = []
    published = Catalog.published

    def noted(catalog: Catalog, delivery_id: str) -> pa.Table:
        read.append(delivery_id)
        return published(catalog, delivery_id)

    monkeypatch.setattr(Catalog, "published", noted)
    found = survey(site, BackfillSelection(newest_first=True))
    assert read == ["acme", "other"]
    order = [(one.delivery.date, one.delivery.delivery_id) for one in found.deliveries]
    assert order == sorted(order, reverse=True)
    assert len(order) == 6


def test_images_of_another_recipe_are_found_through_the_catalogue(site: Site, take: Take) -> None:
    """A new network makes live images stale but not unpublished ones, and a second run finds none."""
    take("acme", MARCH, 2)
    take("other", APRIL, 1)
    backfill(BackfillSelection(suppliers=("acme",)), site=site)
    newer = site.model_copy(update={"model": "default-int8"})
    found = survey(newer, BackfillSelection(stale=True))
    assert (found.todo, found.count(Why.STALE), found.count(Why.MISSING)) == (2, 2, 0)
    assert backfill(BackfillSelection(stale=True), site=newer).cut == 2
    assert {delivery for delivery, _ in live(site)} == {"acme"}
    assert survey(newer, BackfillSelection(stale=True)).deliveries == ()


def test_images_that_a_later_day_delivered_are_left_alone(site: Site, take: Take) -> None:
    """The old version would be superseded, so it is not cut."""
    take("acme", APRIL, 2)
    backfill(BackfillSelection(), site=site)
    take("acme", MARCH, 2)
    found = survey(site, BackfillSelection(last=MARCH))
    assert (found.todo, found.count(Why.SUPERSEDED)) == (0, 2)


def test_a_budget_stops_a_backfill_and_it_continues_later(site: Site, take: Take) -> None:
    """Three images are cut and published today, even if that ends within a delivery, and the rest another day."""
    take("acme", MARCH, 4)
    take("other", APRIL, 1)
    first = backfill(BackfillSelection(), site=site, budget=BackfillBudget(images=3))
    assert (first.phase, first.cut, first.images) == (BackfillPhase.PAUSED, 3, 5)
    assert len(live(site)) == 3
    assert backfills(site) == (first,)
    assert "3 of 5 images cut" in first.words
    second = backfill(BackfillSelection(), site=site, budget=BackfillBudget(images=3))
    assert (second.phase, second.cut, second.images, second.deliveries_done) == (BackfillPhase.DONE, 5, 5, 2)
    assert len(live(site)) == 5
    assert backfill(BackfillSelection(), site=site).cut == 0


def test_a_used_up_time_budget_stops_before_the_first_shard(site: Site, take: Take) -> None:
    """A budget in hours is checked before each shard."""
    take("acme", MARCH, 1)
    state = backfill(BackfillSelection(), site=site, budget=BackfillBudget(hours=1e-12))
    assert (state.phase, state.cut, live(site)) == (BackfillPhase.PAUSED, 0, set())


class _Acts:
    """Receives images and runs an action once some were cut."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def __call__(self, _doing: str, _total: int) -> _Acts:
        """Start a phase."""
        return self

    def __enter__(self) -> _Acts:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def add(self, fate: str, images: int = 1) -> None:
        """Run the action on the first image that was cut."""
        if fate == "cut" and images:
            self._act()


def test_a_backfill_can_be_cancelled_and_resumed(site: Site, take: Take) -> None:
    """It stops before its next shard; a new start cuts no finished shard again and leaves nothing half done."""
    take("acme", MARCH, 4)

    def cancel() -> None:
        (state,) = backfills(site)
        cancel_backfill(site, state.backfill_id)

    state = backfill(BackfillSelection(), site=site, progress=_Acts(cancel))
    assert (state.phase, state.cut, live(site)) == (BackfillPhase.CANCELLED, 2, set())
    receipts = sorted(Path(site.tables_url).glob("shards/**/receipt.json"))
    again = backfill(BackfillSelection(), site=site)
    assert (again.phase, len(live(site))) == (BackfillPhase.DONE, 4)
    assert set(receipts) < set(Path(site.tables_url).glob("shards/**/receipt.json"))


def test_a_kill_between_two_shards_repeats_no_work(site: Site, take: Take) -> None:
    """The next run uses what a killed run has cut, whatever the record of the backfill says."""
    take("acme", MARCH, 4)

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill(BackfillSelection(), site=site, progress=_Acts(die))
    assert backfill(BackfillSelection(), site=site).phase is BackfillPhase.DONE
    assert len(live(site)) == 4


def test_a_failed_delivery_does_not_stop_the_others(site: Site, take: Take, tmp_path: Path) -> None:
    """Its manifest is missing: it is reported as failed, and the other one is published."""
    take("gone", MARCH, 1)
    take("here", APRIL, 1)
    shutil.rmtree(tmp_path / "archive" / f"gone-{MARCH}")
    state = backfill(BackfillSelection(), site=site)
    assert [one.partition(":")[0] for one in state.failed] == ["2025-03-04/gone"]
    assert live(site) == {("here", "here/00.png")}
