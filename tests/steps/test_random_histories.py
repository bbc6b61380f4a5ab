"""Random histories of deliveries and orders on a real site: what is live is what a small model says."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.core.config import Site
from cutouts.models import OWN_TABLE
from cutouts.models.site_rows import with_row
from cutouts.steps.journal import rebuild
from tests.adapters.catalog.conftest import postgres_schema
from tests.models_folder import own_row
from tests.reddish import square
from tests.steps.histories import Place, place, rows
from tests.steps.random_site import CONTENTS, NETWORKS, RandomSite
from tests.tiny_networks import tiny

__all__ = ["place", "postgres_schema"]

SEED = 17
STEPS, REMOTE_STEPS = 24, 16
"""Before the catalogue is rebuilt, and again afterwards. Another seed, or more steps, finds more; a step takes half a
second, and longer if tables and objects are in S3."""
_WEIGHTS = {
    "deliver": 8,
    "publish": 2,
    "approve": 2,
    "reject": 1,
    "release": 3,
    "keep": 1,
    "undo_on_page": 2,
    "roll_back": 3,
    "withdraw": 1,
    "forget": 1,
    "clear": 1,
}


def _rule(kind: str, frame: str, action: str, **kwargs: object) -> dict[str, object]:
    meta = {"frame": frame, "action": action, "words": f"{kwargs['column']} of {frame}"}
    return {"type": f"expect_column_values_to_{kind}", "kwargs": kwargs, "severity": "critical", "meta": meta}


_SUITE = {
    "name": "an image without red is bad, and three of them hold a delivery",
    "expectations": [
        _rule("not_be_null", "images", "fail", column="saliency_peak"),
        _rule("be_between", "images", "quarantine", column="saliency_peak", min_value=0.9),
        _rule("be_between", "counts", "hold", column="bad", max_value=2),
    ],
}


@pytest.fixture
def two_networks(place: Place, tmp_path: Path) -> Place:
    """A site with two small networks that see what is red, and photographs with and without red."""
    models, suite, table = tmp_path / "models", tmp_path / "suite.json", ""
    models.mkdir()
    for name in NETWORKS:
        side = int(name.removeprefix("red"))
        table = with_row(table, own_row(name, tiny(models / f"{name}.onnx", size=side), side=side))
    (models / OWN_TABLE).write_text(table, encoding="utf-8")
    suite.write_text(json.dumps(_SUITE))
    for number, content in enumerate(CONTENTS):
        empty = np.full((40, 40, 3), number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{content}.png"), empty if content.startswith("bad") else square(number))
    own = {"models": str(models), "model": NETWORKS[0], "mask_quality": str(suite), "grace_hours": 0}
    return Place(site=place.site.model_copy(update=own), anew=place.anew.model_copy(update=own))


def test_what_is_live_is_what_was_delivered_and_ordered(two_networks: Place, tmp_path: Path) -> None:
    """Deliveries overlap, are judged, held, released, taken back, withdrawn and forgotten; then the catalogue is
    rebuilt, equal in every column, and it goes on."""
    one = RandomSite(site=two_networks.site, folder=tmp_path, rng=random.Random(SEED))
    _happen(one)
    rebuild(two_networks.anew)
    assert _known(two_networks.anew) == _known(two_networks.site)
    one.site = two_networks.anew
    _happen(one)


def _happen(one: RandomSite) -> None:
    """Steps of any kind, and then each kind once."""
    steps = REMOTE_STEPS if one.site.tables_url.startswith("s3://") else STEPS
    chosen = one.rng.choices([*_WEIGHTS], [*_WEIGHTS.values()], k=steps - len(_WEIGHTS))
    for name in [*chosen, *one.rng.sample([*_WEIGHTS], len(_WEIGHTS))]:
        getattr(one, name)()
        one.check()


def _known(site: Site) -> dict[str, object]:
    """Every table but the products, whose days are those of versions that are not forgotten."""
    return {name: found for name, found in rows(site.catalog_url).items() if name != "products"}
