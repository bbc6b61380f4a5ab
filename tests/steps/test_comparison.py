"""Deliveries are compared with the last accepted ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import read_record
from cutouts.core.config import Site
from cutouts.core.drift import MEASUREMENTS, MeasuredDelivery
from cutouts.core.table_paths import gate_file
from cutouts.steps.comparison import drift_of
from tests.photographs import product
from tests.steps.conftest import Refresh


def masks(category: str | None) -> pa.Table:
    """Three masks of a category, unlike any real ones."""
    columns = {name: pa.array([2.0, 3.0, 4.0]) for name in MEASUREMENTS}
    return pa.table({"category": pa.array([category] * 3, pa.string()), **columns})


def test_a_delivery_is_compared_with_accepted_ones_of_its_id_but_not_with_itself(
    site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    """A published delivery leaves its measurements without ids; one that only waits is never compared with."""
    for seed in range(2):
        product(tmp_path / "shop" / f"{seed}.jpg", seed=seed)
    decision, _ = refresh(site, tmp_path / "shop")
    tables = open_store(site.tables_url)
    kept = read_record(tables, gate_file(decision.gate_id, "measured.json"), MeasuredDelivery)
    assert [(one.category, len(one.values["p_bad"])) for one in kept.samples] == [(None, 2)]
    tomorrow = replace(decision.delivery, date=decision.delivery.date + timedelta(days=1))
    with Catalog.open(site.catalog_url) as catalog:
        found = drift_of(tables, catalog, tomorrow, masks(None))
        assert set(found.column("measurement").to_pylist()) == set(MEASUREMENTS)
        assert pc.unique(found.column("accepted")).to_pylist() == [2]
        assert pc.min(found.column("distance")).as_py() == 1.0
        assert drift_of(tables, catalog, tomorrow, masks("shoe")).num_rows == 0
        assert drift_of(tables, catalog, decision.delivery, masks(None)).num_rows == 0
        assert drift_of(tables, catalog, replace(tomorrow, delivery_id="other"), masks(None)).num_rows == 0
