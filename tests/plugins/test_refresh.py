"""The demo's use of Airflow: the real DAG without services."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from cutouts import intake
from cutouts.core.config import Site
from cutouts_airflow.refresh import RefreshFailed, run_refresh
from tests.deliveries import land, manifest_of, photograph, product


def test_the_dag_publishes_a_taken_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It works in a temporary home and logs nothing; an unknown delivery raises with Airflow's own message."""
    monkeypatch.setenv("CUTOUTS_CLUSTER", "serial")
    site = Site(root=str(tmp_path / "site")).allowing(str(tmp_path / "studio"))
    photograph(tmp_path / "studio" / "shirts", product(0))
    intake.take(site, str(land(tmp_path, "any", date(2026, 3, 4), manifest_of(tmp_path / "studio"))))

    run_refresh(site, ["2026-03-04/shirts"])
    assert capfd.readouterr() == ("", "")
    with sa.create_engine(site.catalog_url).connect() as connection:
        assert list(connection.scalars(sa.text("SELECT image_id FROM published_cutouts"))) == ["shirts/00.png"]

    with pytest.raises(RefreshFailed, match="delivery 2026-03-04/nobody is not known"):
        run_refresh(site, ["2026-03-04/nobody"])
