"""The manifest that a run made of a folder of photographs is kept for backfills, and checked like other tables."""

from __future__ import annotations

from pathlib import Path

from cutouts.adapters.storage.store import open_store
from cutouts.api.site_runs import run_on_site
from cutouts.core.config import Site
from cutouts.steps.verify import verify
from tests.photographs import product


def test_a_damaged_manifest_is_found_and_made_again(site: Site, tmp_path: Path) -> None:
    """The repair moves it away, and the next run of the folder writes it."""
    product(tmp_path / "in" / "0.jpg")
    run_on_site(tmp_path / "in", site=site)
    tables = open_store(site.tables_url)
    (name,) = tables.names("manifests", ".parquet")
    whole = tables.read(name)
    tables.write(name, whole[:-20])
    (found,) = verify(site, repair=True).findings
    assert (found.place, found.repaired) == (f"{tables.url}/{name}", "moved away: the next run makes it again")
    run_on_site(tmp_path / "in", site=site)
    assert tables.read(name) == whole
    assert verify(site, whole=True).findings == ()
