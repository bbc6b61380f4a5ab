"""Plan, gate and publish are measured on generated ledgers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.bench.plan_bench import PlanBench, as_json, as_text, in_this_process
from cutouts.cli.measuring.bench import bench as command
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from tests.adapters.catalog.conftest import postgres_schema

__all__ = ["postgres_schema"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A separate site."""
    return Site(root=str(tmp_path / "site"))


def bench(site: Site, scratch: Path, until: str = "publish") -> PlanBench:
    """A bench that tells nothing and measures in this process."""
    return PlanBench(site=site, scratch=scratch, tell=lambda _: None, until=until, where=in_this_process)


def test_each_step_is_measured_over_many_parts(site: Site, tmp_path: Path) -> None:
    """The first plan joins the parts; memory and seconds are reported, and no requests for a local store."""
    found = [*bench(site, tmp_path).measure_parts(20, per_part=3, images=10)]
    assert [(one.step, one.images, one.parts) for one in found] == [
        ("first plan, which joins", 10, 20),
        ("plan", 10, 20),
        ("gate", 10, 20),
    ]
    assert len(list(Path(site.tables_url).rglob("joined.json"))) == 1
    assert all(one.seconds > 0 and one.peak_mb > 0 and one.requests is None for one in found)
    assert [row["step"] for row in json.loads(as_json(found))["measured"]] == [one.step for one in found]
    assert len(as_text(found).splitlines()) == 4


def test_a_large_delivery_goes_through_all_steps(site: Site, tmp_path: Path) -> None:
    """With nothing known, all known and 10 % changed, the generated results pass the gate and are published."""
    found = [*bench(site, tmp_path).measure_images(40)]
    assert [one.step for one in found] == [
        "plan, nothing known",
        *(f"{step}, {words}" for words in ("all known", "10 % changed") for step in ("plan", "gate", "publish")),
    ]


def test_only_the_first_steps_are_measured_if_asked(site: Site, tmp_path: Path) -> None:
    """A plan of ten million images fits into memory, but not its gate."""
    found = [*bench(site, tmp_path, "plan").measure_images(40)]
    assert [one.step for one in found] == ["plan, nothing known", "plan, all known", "plan, 10 % changed"]
    few = bench(site, tmp_path, "plan").measure_parts(2, per_part=3, images=4)
    assert [one.step for one in few] == ["first plan, which joins", "plan"]


def test_publishing_is_measured_on_postgresql(postgres_schema: str, site: Site, tmp_path: Path) -> None:
    """The figures name the database; one that is not empty is refused, because its live images would cost too."""
    there = site.model_copy(update={"catalog": postgres_schema})
    *_, last = bench(there, tmp_path).measure_images(20)
    assert (last.step, last.catalog) == ("publish, 10 % changed", "postgresql")
    assert as_text([last]).splitlines()[1].endswith("postgresql")
    with pytest.raises(CutoutsError, match=r"is not empty: name an empty database \(--catalog\)"):
        next(bench(there, tmp_path).measure_images(20))
    two = ["plan", "--rows", "10,20", "--catalog", postgres_schema]
    assert CliRunner().invoke(command, two).exit_code == 2


def test_requests_to_s3_are_counted(bucket: str, site: Site, tmp_path: Path) -> None:
    """A plan over a joined ledger sends few, however many parts there were."""
    there = site.model_copy(update={"tables": f"{bucket}/tables"})
    first, again, _ = bench(there, tmp_path).measure_parts(20, per_part=3, images=10)
    assert first.requests
    assert again.requests
    assert again.requests < 20 < first.requests


def test_bench_plan_reports_what_it_measures() -> None:
    """`cutouts bench plan` is a separate bench with its own options."""
    result = CliRunner().invoke(command, ["plan", "--help"])
    assert result.exit_code == 0
    assert "--per-part" in result.output
    assert CliRunner().invoke(command, ["plan", "--parts", "two"]).exit_code == 2
