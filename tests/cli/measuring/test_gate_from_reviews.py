"""`cutouts gate calibrate --from-reviews`: what people said on a site moves its calibration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.cli import cli
from cutouts.core.calibration import TERMS
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.core.reviews import ImageReview
from cutouts.models.calibrations import find_calibration
from cutouts.schemas.tables import MASKS, METRICS
from cutouts.stages import job_of
from cutouts.steps.ledger import nothing, record

DELIVERY = DeliveryKey(date=datetime(2026, 1, 5, tzinfo=UTC).date(), delivery_id="shop")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with its settings in a file beside it."""
    (tmp_path / "models").mkdir()
    text = f'root = "{tmp_path / "site"}"\nmodels = "{tmp_path / "models"}"\ncluster = "serial"\n'
    (tmp_path / "cutouts.toml").write_text(text)
    return Site(root=str(tmp_path / "site"), models=str(tmp_path / "models"), cluster="serial")


def reviewed(site: Site, count: int) -> None:
    """Record measurements of `count` doubtful images, of which a person releases two of three."""
    recipe = job_of(site).recipe.digests
    rng = np.random.default_rng(0)
    known = {"uri": "u", "matte_digest": recipe.matte_digest, "render_digest": recipe.render_digest}
    fixed = {"saliency_mean": 0.2, "coverage": 0.3, "soft_inside": 0.0, "components": 1, "frame_contact": 0.0}
    rows = [
        {**known, **fixed, "edge_alignment": 0.9, "fringe": 1.0, "image_id": f"{n}.jpg", "sha256": f"{n:064x}"}
        | {name: float(value) for name, value in zip(TERMS, (1.0, 0.2, 0.2, 0.8, 0.01, 0.1), strict=True)}
        | {"saliency_doubt": float(rng.uniform(0.1, 0.3))}
        for n in range(count)
    ]
    masks = [{**row, "mask": "m", "cutout": "c", "width_px": 9, "height_px": 9, "notes": []} for row in rows]
    results = nothing()
    parts = {"masks": pa.Table.from_pylist(masks, schema=MASKS), "metrics": pa.Table.from_pylist(rows, schema=METRICS)}
    record(open_store(site.tables_url), recipe, "0" * 32, type(results)(**parts, rejections=results.rejections))
    with Catalog.open(site.catalog_url) as catalog:
        catalog.review(DELIVERY, [review(recipe, n) for n in range(count)])


def review(recipe: RecipeDigests, number: int) -> ImageReview:
    """What a person said about one of these images."""
    return ImageReview(
        delivery_id="shop", image_id=f"{number}.jpg", sha256=f"{number:064x}", recipe=recipe, good=number % 3 > 0,
        gate_id="g", by="Ada", why="looked at", at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip


def call(tmp_path: Path, *arguments: str) -> Result:
    """Run the command in this process."""
    words = ["gate", "calibrate", "--from-reviews", "--config", str(tmp_path / "cutouts.toml"), *arguments]
    return CliRunner().invoke(cli, words, catch_exceptions=False)


def test_both_calibrations_are_shown_before_one_is_replaced(site: Site, tmp_path: Path) -> None:
    """People released two of three images that the gate doubted: the new calibration says so, and needs --yes."""
    reviewed(site, 90)
    digest = job_of(site).recipe.digests.matte_digest
    shown = call(tmp_path)
    assert "90 reviewed masks, 30 of them rejected" in shown.output
    old, new = (line.split(" | ") for line in shown.output.splitlines() if line.startswith(("| old", "| new")))
    assert int(old[4].rstrip("%")) > 90
    assert 25 < int(new[4].rstrip("%")) < 45
    assert "nothing was written" in shown.output
    before = find_calibration(digest, site.models)
    assert call(tmp_path, "--yes").exit_code == 0
    after = find_calibration(digest, site.models)
    assert before is not None
    assert after is not None
    assert after.version != before.version
    assert (after.images - before.images, after.bad - before.bad) == (90, 30)


def test_few_reviews_teach_nothing(site: Site, tmp_path: Path) -> None:
    """At least twenty released and twenty rejected ones are needed, and other masks are not mixed in."""
    reviewed(site, 30)
    with pytest.raises(ConfigError, match="10 bad and 20 good masks"):
        call(tmp_path)
    with pytest.raises(ConfigError, match="takes no other masks"):
        call(tmp_path, "--images", str(tmp_path))
