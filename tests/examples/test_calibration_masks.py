"""The shipped calibration is the fit of the measurements that are kept beside the example that made them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.evaluation.calibration.fit import fit
from cutouts.models.calibrations import SHIPPED, read_calibration

MASKS = Path(__file__).parents[2] / "examples/calibration/masks"


def test_the_shipped_calibration_can_be_fitted_again() -> None:
    """Anyone can make its weights again, for the networks as they are now, in whatever order the files are named."""
    shipped = read_calibration(files("cutouts.models") / SHIPPED)
    tables = [pq.read_table(file) for file in sorted(MASKS.glob("fitted-*"))]
    for masks in (tables, tables[::-1]):
        again = fit(pa.concat_tables(masks))
        assert again.networks == shipped.networks
        assert again.images == shipped.images
        for name, weight in again.weights.items():
            assert weight.weight == pytest.approx(shipped.weights[name].weight, rel=1e-6), name
