"""Tasks tell lineage providers what they read and wrote, as addresses that other systems know, without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.core.config import Site


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////srv/a%20b/catalog.sqlite?timeout=5", "/srv/a b/catalog.sqlite"),
        ("postgresql://ada:secret@db.shop:6543/shop", "postgres://db.shop:6543/shop/public/published_cutouts"),
        (
            "postgresql://db/shop?options=-csearch_path%3Dpictures",
            "postgres://db:5432/shop/pictures/published_cutouts",
        ),
    ],
)
def test_the_catalogue_is_a_dataset(airflow_home: Path, url: str, expected: str) -> None:
    """Its view with host, database and schema, or SQLite's file; user and password are left out."""
    from cutouts_airflow.lineage import catalogue

    assert catalogue(Site(catalog=url)) == expected


def test_places_are_collected_without_secrets(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log-in is hidden, and a path is `file://` with the letters that it has."""
    from airflow.sdk.lineage import HookLineageCollector

    from cutouts_airflow import lineage

    collector = HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collector)
    lineage.reads("https://ada:secret@shop.example/today.parquet")
    lineage.writes("/srv/cut outs/date=2026-01-02")
    found = collector.collected_assets
    (read,), (written,) = ([one.asset.uri for one in side] for side in (found.inputs, found.outputs))
    assert "secret" not in read
    assert read.endswith("shop.example/today.parquet")
    assert written.startswith("file:///srv/cut outs/date=2026-01-02")
