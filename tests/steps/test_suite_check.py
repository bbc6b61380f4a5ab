"""A changed suite is tried on past deliveries before it goes live."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.quality import bundled
from cutouts.cli import cli
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, GateError
from tests.photographs import product
from tests.steps.conftest import Refresh


@pytest.fixture
def past(site: Site, refresh: Refresh, tmp_path: Path) -> Site:
    """A site with the shipped suite and one published delivery of two images."""
    shipped = site.model_copy(update={"mask_quality": None})
    for seed in range(2):
        product(tmp_path / "shop" / f"{seed}.jpg", seed=seed)
    refresh(shipped, tmp_path / "shop")
    return shipped


def changed(tmp_path: Path, **limits: float) -> Path:
    """The shipped suite with other limits of the rule about the column `coverage`, and no other change."""
    raw = json.loads(bundled("mask_quality").read_text(encoding="utf-8"))
    for one in raw["expectations"]:
        if one["kwargs"].get("column") == "coverage" and limits.keys() & one["kwargs"].keys():
            one["kwargs"].update(limits)
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    return file


def call(site: Site, *arguments: object) -> Result:
    """Run the command in this process."""
    words = ["gate", "check", *map(str, arguments), "--out", site.root]
    return CliRunner().invoke(cli, words, catch_exceptions=False)


def decisions(site: Site) -> list[bytes]:
    """The bytes of every record of a decision."""
    return [path.read_bytes() for path in sorted(Path(site.tables_url).rglob("gates/*/*"))]


def test_a_stricter_suite_is_shown_with_what_it_would_keep_back(past: Site, tmp_path: Path) -> None:
    """The verdict, both images and the reason are shown, and no decision is changed."""
    before = decisions(past)
    result = call(past, "--suite", changed(tmp_path, min_value=0.97))
    assert result.exit_code == 0
    assert "publish → publish all but the quarantined; 2 more kept back, 0 fewer" in result.output
    assert "+ 0.jpg: the matte is nearly empty (covers less than 97.0% of the image)" in result.output
    assert "1 delivery judged again, 1 differently" in result.output
    assert decisions(past) == before


def test_a_suite_that_decides_alike_is_said_to(past: Site, tmp_path: Path) -> None:
    """A limit that no image reaches changes nothing; nor does a promise that the masks keep."""
    result = call(past, "--suite", changed(tmp_path, max_value=0.99), "--promise", 0.5)
    assert "2 images, publish, as now" in result.output
    assert "0 differently" in result.output


def test_why_a_delivery_would_be_held_is_said_once(past: Site, tmp_path: Path) -> None:
    """Images that only wait because of that are counted and not listed."""
    raw = json.loads(changed(tmp_path).read_text())
    rows = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 100}, "severity": "critical"}
    raw["expectations"].append({**rows, "meta": {"frame": "delivery", "action": "hold", "words": "too few images"}})
    (tmp_path / "held.json").write_text(json.dumps(raw))
    told = call(past, "--suite", tmp_path / "held.json").stdout
    assert "publish → hold; 2 more kept back, 0 fewer" in told
    assert (told.count("too few images"), "+ 0.jpg" in told, " more\n" in told) == (1, False, False)


def test_a_suite_that_publishes_bad_masks_is_refused_once(past: Site, tmp_path: Path) -> None:
    """That there is an image says nothing about its mask. No delivery is judged with such a suite."""
    raw = json.loads(bundled("mask_quality").read_text(encoding="utf-8"))
    rows = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
    kept = [one for one in raw["expectations"] if one["meta"]["action"] == "fail"]
    raw["expectations"] = [*kept, {**rows, "meta": {"frame": "images", "action": "hold", "words": "no image"}}]
    (tmp_path / "blind.json").write_text(json.dumps(raw))
    with pytest.raises(GateError, match="it would publish a delivery in which every mask is bad"):
        call(past, "--suite", tmp_path / "blind.json")


def test_a_rule_that_judged_no_image_is_named(past: Site, tmp_path: Path) -> None:
    """A misspelt category is not an error, but it is told before the suite goes live."""
    raw = json.loads(changed(tmp_path).read_text())
    condition = {"type": "comparison", "column": {"name": "category"}, "operator": "==", "parameter": "sheos"}
    for one in raw["expectations"]:
        if one["meta"]["action"] == "quarantine" and one["kwargs"]["column"] == "p_bad":
            one["kwargs"]["row_condition"] = condition
    (tmp_path / "shoes.json").write_text(json.dumps(raw))
    words = "judged no image of these deliveries, as none meets its condition: the mask is probably wrong"
    assert words in call(past, "--suite", tmp_path / "shoes.json").output
    assert words not in call(past, "--suite", changed(tmp_path)).output


def test_a_suite_that_cannot_judge_says_why(past: Site, tmp_path: Path) -> None:
    """The gate would fail, so the delivery is listed with the rule; an unsafe suite is refused before any is judged."""
    raw = json.loads(changed(tmp_path).read_text())
    rows = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 100}}
    raw["expectations"].append({**rows, "meta": {"frame": "images", "action": "fail", "words": "too few images"}})
    (tmp_path / "more.json").write_text(json.dumps(raw))
    assert "too few images (2)" in call(past, "--suite", tmp_path / "more.json").output
    (tmp_path / "none.json").write_text(json.dumps({**raw, "expectations": []}))
    with pytest.raises(GateError, match="no expectations"):
        call(past, "--suite", tmp_path / "none.json")
    with pytest.raises(ConfigError, match="nothing to check"):
        call(past)
    with pytest.raises(ConfigError, match="a share above 0 and below 1, not nan"):
        call(past, "--promise", "nan")
