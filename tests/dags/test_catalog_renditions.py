"""The real `catalog_renditions`, run by `dag.test()`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from tests.airflow_home import dag_bag, task_states
from tests.deliveries import land, manifest_of, photograph, product
from tests.steps.conftest import refresh_manifest


def test_it_renders_the_catalogue_and_is_skipped_without_renditions(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the setting the task is skipped; with it, every live image has its picture; the next run makes none."""
    assert task_states(dag_bag()["catalog_renditions"].test()) == {"render": ["skipped"]}
    photograph(tmp_path / "studio" / "good", product(0))
    folder = land(tmp_path, "any", date(2026, 1, 2), manifest_of(tmp_path / "studio"))
    refresh_manifest(site.allowing(str(tmp_path)), str(folder.parent))
    monkeypatch.setenv("CUTOUTS_RENDITIONS", json.dumps(["web-card"]))
    for conf in ({}, {"delivery": "2026-01-02/good"}):
        assert task_states(dag_bag()["catalog_renditions"].test(run_conf=conf)) == {"render": ["success"]}
    with Catalog.open(site.catalog_url) as catalog:
        (row,) = catalog.renditions.published()
    assert (row["rendition"], row["format"], row["delivery_id"]) == ("web-card", "webp", "good")
