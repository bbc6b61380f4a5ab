"""A site with a real network of a few hundred bytes that sees what is red, so that another network sees more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from cutouts.core.config import Site
from cutouts.core.pixels import Bytes
from cutouts.models import OWN_TABLE
from cutouts.models.site_rows import with_row
from tests.models_folder import own_row
from tests.tiny_networks import tiny

SUITE = Path(__file__).parents[1] / "schemas/expectations/mask_quality.json"


def site_with_reddish(tmp_path: Path) -> Site:
    """A site that also has the network `reddish`, with the shipped suite except for what needs a calibration."""
    models = tmp_path / "models"
    models.mkdir()
    row = own_row("reddish", tiny(models / "reddish.onnx", size=40), side=40)
    (models / OWN_TABLE).write_text(with_row("", row), encoding="utf-8")
    suite = json.loads(SUITE.read_text())
    suite["expectations"] = [one for one in suite["expectations"] if "p_bad" not in json.dumps(one)]
    own = tmp_path / "own.json"
    own.write_text(json.dumps(suite))
    return Site(
        root=str(tmp_path / "site"),
        cluster="serial",
        models=str(models),
        mask_quality=str(own),
        allowed_sources=(str(tmp_path),),
    )


def square(number: int) -> Bytes:
    """A red square on black, which `reddish` sees, uint8 40×40×3 BGR."""
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[10:30, 10:30] = (number, 0, 255)
    return picture


def asking_for_reddish(table: pa.Table) -> pa.Table:
    """A manifest whose rows ask for that network."""
    asked = pa.array(["reddish"] * table.num_rows, pa.string())
    return table.set_column(table.schema.get_field_index("model"), table.schema.field("model"), asked)
