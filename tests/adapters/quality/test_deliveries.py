"""How the manifest's suite judges the rows of a delivery."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from cutouts.adapters import quality
from cutouts.core.errors import GateError
from cutouts.schemas.tables import MANIFEST


def rows(*stated: dict[str, object]) -> pa.Table:
    """One row of a manifest per entry."""
    sound = dict.fromkeys(MANIFEST.names) | {"product_id": "shoe", "delivery_id": "north", "uri": "s3://shop/a"}
    return pa.Table.from_pylist(
        [sound | {"image_id": f"{place}.jpg"} | row for place, row in enumerate(stated)], schema=MANIFEST
    )


def test_a_sound_delivery_is_not_refused() -> None:
    """Nullable columns may be null, and an empty file may be stated."""
    suite = quality.load_suite(quality.bundled("manifest"))
    stated = {"sha256": "0a" * 32, "bytes": 0, "width_px": 10, "height_px": 10, "etag": "v1"}
    assert quality.refusals(suite, "north", rows({}, stated)) == ()
    assert quality.refusals(suite, "north", rows({})) == ()


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"sha256": "0A" * 32}, "sha256 is not 64 lower-case hexadecimal digits"),
        ({"sha256": "0a" * 31}, "sha256 is not 64 lower-case hexadecimal digits"),
        ({"sha256": ""}, "sha256 is not 64 lower-case hexadecimal digits"),
        ({"bytes": -5}, "bytes is negative"),
        ({"width_px": 0}, "width_px is below 1"),
        ({"height_px": -1}, "height_px is below 1"),
    ],
)
def test_a_delivery_with_bad_content_is_refused_with_its_rows(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, object], words: str
) -> None:
    """Rows are counted from 1 across all slices of the delivery."""
    monkeypatch.setattr(quality, "_SLICE", 2)
    suite = quality.load_suite(quality.bundled("manifest"))
    (problem,) = quality.refusals(suite, "north", rows({}, stated, {}, {}, stated))
    assert (problem.delivery_id, problem.problem, problem.count) == ("north", words, 2)
    assert (problem.rows, problem.image_ids) == ((2, 5), ("1.jpg", "4.jpg"))


def test_a_delivery_without_rows_does_not_pass() -> None:
    """An empty delivery cannot be sound."""
    with pytest.raises(GateError, match="no rows"):
        quality.refusals(quality.load_suite(quality.bundled("manifest")), "north", rows())


def test_a_rule_that_compares_rows_is_refused_for_manifests(tmp_path: Path) -> None:
    """Manifests are judged in slices, which cannot reveal duplicates across slices."""
    raw = json.loads(quality.bundled("manifest").read_text(encoding="utf-8"))
    raw["expectations"][1].update(type="expect_column_values_to_be_unique", kwargs={"column": "sha256"})
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(GateError, match="compares rows"):
        quality.load_suite(file)


def test_great_expectations_logs_nothing_of_its_own() -> None:
    """It logs nothing below a warning, at import or at work, so that a task's log shows only the task."""
    program = """
import logging, pyarrow as pa
logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
from cutouts.adapters import quality
quality.refusals(quality.load_suite(quality.bundled("manifest")), "a", pa.table({"image_id": ["a"], "bytes": [1],
    "sha256": pa.array([None], pa.string()), "width_px": [1], "height_px": [1]}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
