"""Two processes publish content of their own to one catalogue at once, and nothing is lost, doubled or mixed."""

from __future__ import annotations

from pathlib import Path

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.steps.journal import rebuild
from tests.adapters.catalog.reader import view
from tests.adapters.catalog.two_writers import check_books, run_writers


def test_the_books_of_two_writers_are_exact(postgres_schema: str, tmp_path: Path) -> None:
    """Deliveries, full deliveries and withdrawals: each publication, each past state and the view are as both recorded.

    The catalogue rebuilt from their common journal is the same. `make faults` does this for minutes.
    """
    happened = run_writers(postgres_schema, str(tmp_path / "tables"), writers=2, seconds=0, rounds=15)
    assert len(happened) >= 20
    with Catalog.open(postgres_schema) as catalog:
        check_books(catalog, happened)
    anew = Site(root=str(tmp_path), tables=str(tmp_path / "tables"), catalog=f"sqlite:///{tmp_path}/anew.sqlite")
    rebuild(anew)
    with Catalog.open(anew.catalog_url) as catalog:
        check_books(catalog, happened)
    key = ("delivery_id", "image_id", "sha256", "publication_id")
    mine, other = (
        [tuple(row[name] for name in key) for row in view(one)] for one in (anew.catalog_url, postgres_schema)
    )
    assert sorted(mine) == sorted(other)
