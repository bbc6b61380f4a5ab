"""A delivery is not judged again unless something changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cutouts.adapters.quality import bundled
from cutouts.adapters.storage.store import open_store
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import GateError
from cutouts.core.gate import Judgement
from cutouts.schemas.tables import METRICS
from cutouts.steps import verdicts
from cutouts.steps.verdicts import judgement_of
from tests.photographs import product
from tests.steps.conftest import Refresh

AGAIN = """
import sys
from cutouts.cli import cli
cli(["run", sys.argv[1], "--out", sys.argv[2], "--cluster", "serial"], standalone_mode=False)
print("imported:", [name for name in ("great_expectations", "distributed") if name in sys.modules])
"""


def _metrics(**changed: float) -> pa.Table:
    good: dict[str, object] = {field.name: 0.5 if pa.types.is_floating(field.type) else "x" for field in METRICS}
    good |= {
        "saliency_peak": 1.0,
        "soft_inside": 0.0,
        "components": 1,
        "fringe": 0.0,
        "frame_contact": 0.0,
        "p_bad": 0.1,
    }
    rows = [good | {"image_id": name} for name in ("b", "a")] + [good | {"image_id": "c"} | changed]
    return pa.Table.from_pylist(rows, schema=METRICS.append(pa.field("p_bad", pa.float32())))


def _judged(tmp_path: Path, metrics: pa.Table, suite: Path | None = None, **rejected: str) -> Judgement:
    file = suite or bundled("mask_quality")
    images = metrics.num_rows + len(rejected)
    return judgement_of(open_store(str(tmp_path)), file, metrics, images=images, rejected=rejected)


def _kept(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("verdicts/*.json"))


def test_a_second_run_needs_neither_great_expectations_nor_dask(tmp_path: Path) -> None:
    """They take seconds to import; the first run needed one of them, and the second comes to the same decision."""
    for seed in range(2):
        product(tmp_path / "in" / f"{seed}.jpg", seed=seed)
    call = [sys.executable, "-c", AGAIN, str(tmp_path / "in"), str(tmp_path / "out")]
    told = [subprocess.run(call, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert "imported: ['great_expectations']" in told[0]
    assert "imported: []" in told[1]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["skipped"] == 2


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows have one verdict, whether just cut or recalled from the ledger."""
    first = _judged(tmp_path, _metrics())
    monkeypatch.setattr(verdicts, "judge", _never)
    assert _judged(tmp_path, _metrics().take([2, 0, 1])) == first
    assert len(_kept(tmp_path)) == 1


def test_every_change_is_judged_again(tmp_path: Path) -> None:
    """A value, a rejection or its reason, another image and a byte of the suite each count."""
    own = tmp_path / "own.json"
    own.write_bytes(bundled("mask_quality").read_bytes() + b"\n")
    clean = _judged(tmp_path, _metrics())
    assert not clean.findings
    bad = _judged(tmp_path, _metrics(saliency_peak=0.1))
    assert [finding.image_ids for finding in bad.findings] == [frozenset({"c"})]
    _judged(tmp_path, _metrics(), z="the file is empty")
    _judged(tmp_path, _metrics(), z="the file is not there")
    _judged(tmp_path, _metrics(), own)
    assert len(_kept(tmp_path)) == 5


def test_a_damaged_verdict_is_judged_again(tmp_path: Path) -> None:
    """A record that was edited or cut off is ignored."""
    bad = _judged(tmp_path, _metrics(saliency_peak=0.1))
    (kept,) = _kept(tmp_path)
    kept.write_text(kept.read_text().replace('"c"', '"d"'))
    assert _judged(tmp_path, _metrics(saliency_peak=0.1)) == bad
    kept.write_bytes(kept.read_bytes()[:40])
    assert _judged(tmp_path, _metrics(saliency_peak=0.1)) == bad


def test_a_failed_judgement_is_not_kept(tmp_path: Path) -> None:
    """A column of nulls fails the gate each time."""
    metrics = _metrics()
    place = metrics.schema.get_field_index("coverage")
    nulls = metrics.set_column(place, "coverage", pc.if_else(False, metrics.column("coverage"), None))
    for _ in range(2):
        with pytest.raises(GateError):
            _judged(tmp_path, nulls)
    assert _kept(tmp_path) == []


def test_refused_rows_are_refused_each_time(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """Only a verdict without problems is kept for the rows of a manifest."""
    product(tmp_path / "shop" / "a.jpg")
    decision, _ = refresh(site, tmp_path / "shop")
    assert isinstance(decision, GateDecision)
    tables = open_store(site.tables_url)
    rows = pa.table({"image_id": ["a"], "sha256": pa.array([None], pa.string()), "bytes": [-1], "width_px": [1]})
    rows = rows.append_column("height_px", pa.array([1]))
    before = tables.names("verdicts", ".json")
    for _ in range(2):
        (problem,) = verdicts.refusals_of(tables, "shop", rows)
        assert problem.problem == "bytes is negative"
    assert tables.names("verdicts", ".json") == before


def _never(*_: object, **__: object) -> Judgement:
    raise AssertionError("judged again")
