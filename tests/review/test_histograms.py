"""The distributions that a reviewer sees, from a real run."""

from __future__ import annotations

from pathlib import Path

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality.suite import bundled
from cutouts.api.runs import run
from cutouts.core.config import Site
from cutouts.review.decisions import take_back
from cutouts.review.histograms import histograms
from tests.photographs import product


def test_limits_are_those_of_the_suite_that_judged(tmp_path: Path) -> None:
    """A site's own suite counts in the report and on the review pages, where it also counts after it was changed."""
    shipped = bundled("mask_quality").read_text("utf-8")
    own = tmp_path / "own.json"
    own.write_text(shipped.replace('"saliency_peak", "min_value": 0.5', '"saliency_peak", "min_value": 0.45'), "utf-8")
    product(tmp_path / "photos" / "a.jpg")
    run(tmp_path / "photos", tmp_path / "out", site=Site(cluster="serial", mask_quality=str(own)))
    assert "limit 0.45" in (tmp_path / "out" / "report.html").read_text("utf-8")
    own.write_text(shipped, "utf-8")
    site = Site(root=str(tmp_path / "out"), mask_quality=str(own))
    with Catalog.open(site.catalog_url) as catalog:
        (publication,) = catalog.last_publications(1)
    (peak,) = [one for one in histograms(site, publication.gate_id) if one.title == "Saliency peak"]
    assert peak.limits == (135.0,)  # 0.45 of 300


def test_a_delivery_is_compared_with_others_that_are_still_accepted(tmp_path: Path) -> None:
    """As by the gate: neither with its own earlier versions, nor with a publication that a person took back."""
    site = Site(root=str(tmp_path / "out"), cluster="serial")
    for name in ("shoes", "bags", "bags"):
        product(tmp_path / name / f"{len(list(tmp_path.glob('*/*')))}.jpg")
        run(tmp_path / name, tmp_path / "out", site=Site(cluster="serial"))
    with Catalog.open(site.catalog_url) as catalog:
        newest, _, shoes = catalog.last_publications(3)
    assert "; 1 accepted image," in histograms(site, newest.gate_id)[0].words
    take_back(site, shoes.gate_id, by="ada")
    assert "accepted" not in histograms(site, newest.gate_id)[0].words
