"""`cutouts backfill` and `cutouts status` as somebody uses them who goes back to older deliveries for days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cutouts import intake
from cutouts.adapters.catalog import Catalog
from cutouts.adapters.site_settings import load_site
from tests.command import Done, cutouts
from tests.deliveries import land, manifest_of, photograph, product

DAYS = (date(2025, 3, 4), date(2025, 3, 5))
IMAGES = 3


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The settings of a site that has taken two deliveries and worked on none."""
    file = tmp_path / "site.toml"
    lines = (f'root = "{tmp_path}/site"', f'allowed_sources = ["{tmp_path}"]', "shard_images = 1", "")
    file.write_text("\n".join(lines))
    site = load_site(str(file))
    for first, name, day in zip((0, 10), ("acme", "other"), DAYS, strict=True):
        photograph(tmp_path / name / name, *map(product, range(first, first + IMAGES)))
        intake.take(site, str(land(tmp_path / "archive", name, day, manifest_of(tmp_path / name))))
    return file


def _backfill_id(done: Done) -> str:
    return done.stdout.partition("backfill ")[2].partition(":")[0]


def _live(settings: Path) -> int:
    with Catalog.open(load_site(str(settings)).catalog_url) as catalog:
        return catalog.counts().images


def test_days_in_the_wrong_order_are_a_mistake_of_the_caller(settings: Path) -> None:
    """They are not reported as a bug."""
    done = cutouts("backfill", "--from", DAYS[1], "--to", DAYS[0], "--config", settings)
    assert done.returncode == 2
    assert f"the first day, {DAYS[1]}, is after the last one, {DAYS[0]}" in done.stderr.replace("\n", " ")


def test_a_dry_run_says_what_the_backfill_then_does(settings: Path) -> None:
    """It selects by day, and the next dry run finds nothing to do and knows the speed."""
    site = ("--config", settings)
    told = cutouts("backfill", "--from", DAYS[1], "--dry-run", *site)
    assert told.returncode == 0, told.stderr
    assert "to cut: 3 images" in told.stdout
    assert _live(settings) == 0
    done = cutouts("backfill", "--from", DAYS[1], *site)
    assert (done.returncode, _live(settings)) == (0, IMAGES), done.stderr
    assert "done, 3 of 3 images cut, 1 of 1 delivery done" in done.stdout
    again = cutouts("backfill", "--all", "--dry-run", *site)
    assert "3 images live and up to date" in again.stdout
    assert "to cut: 3 images" in again.stdout
    assert "images/s as measured here" in again.stdout


def test_a_budget_ends_the_day_and_the_backfill_is_continued_by_its_id(settings: Path) -> None:
    """`cutouts status` says how far it is and how much longer it takes; a cancelled one continues, too."""
    site = ("--config", settings)
    backfill_id = _backfill_id(cutouts("backfill", "--all", "--dry-run", *site))
    first = cutouts("backfill", "--all", "--images", 2, *site)
    assert (first.returncode, _live(settings)) == (0, 2), first.stderr
    assert f"cutouts backfill --resume {backfill_id}" in first.stderr
    told = cutouts("status", *site).stdout
    assert f"{backfill_id}: paused: its budget is used up, 2 of 6 images cut, 0 of 2 deliveries done, 0:00:" in told
    cancelled = cutouts("backfill", "--cancel", backfill_id, *site)
    assert f"{backfill_id}: cancelled" in cancelled.stdout
    second = cutouts("backfill", "--resume", backfill_id, "--images", 3, *site)
    assert (second.returncode, _live(settings)) == (0, 5), second.stderr
    last = cutouts("backfill", "--resume", backfill_id, *site)
    assert (last.returncode, _live(settings)) == (0, 2 * IMAGES), last.stderr
    assert f"{backfill_id}: done, 6 of 6 images cut, 2 of 2 deliveries done" in last.stdout
    assert "backfill:" not in cutouts("status", *site).stdout


def test_a_backfill_is_not_continued_under_another_recipe(settings: Path) -> None:
    """That would be another backfill, which cuts everything by another network."""
    site = ("--config", settings)
    done = cutouts("backfill", "--all", "--images", 2, "--model", "default-int8", *site)
    backfill_id = done.stdout.partition(":")[0]
    refused = cutouts("backfill", "--resume", backfill_id, *site)
    assert (refused.returncode, _live(settings)) == (1, 2)
    assert "with another recipe" in refused.stderr
    assert cutouts("backfill", "--resume", backfill_id, "--model", "default-int8", *site).returncode == 0
    assert _live(settings) == 2 * IMAGES
