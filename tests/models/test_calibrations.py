"""Which calibration of the gate is used for a network."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from cutouts.core.config import Site
from cutouts.core.errors import GateError
from cutouts.models.calibrations import SHIPPED, SUFFIX, calibration_json, find_calibration, read_calibration
from cutouts.stages import job_of


def test_the_shipped_networks_have_a_current_calibration(tmp_path: Path) -> None:
    """It has their recipes' digests, so a change of matte or measurements needs a new calibration."""
    for name in ("default", "default-int8", "default-licensed"):
        digest = job_of(Site(model=name)).recipe.digests.matte_digest
        found = find_calibration(digest, str(tmp_path))
        assert found is not None
        assert found.networks[digest] == name


def test_a_calibration_of_the_site_is_found_first(tmp_path: Path) -> None:
    """It is in the models folder; an uncalibrated network has none."""
    shipped = read_calibration(files("cutouts.models") / SHIPPED)
    digest = next(iter(shipped.networks))
    own = replace(shipped, version="own", networks={digest: "default", "0" * 16: "mine"})
    (tmp_path / f"mine{SUFFIX}").write_bytes(calibration_json(own))
    assert find_calibration(digest, str(tmp_path)) == own
    assert find_calibration("0" * 16, str(tmp_path)) == own
    assert find_calibration("1" * 16, str(tmp_path)) is None


def test_a_damaged_calibration_is_an_error_and_not_a_missing_one(tmp_path: Path) -> None:
    """The file is named, and no other calibration is used."""
    (tmp_path / f"mine{SUFFIX}").write_text("{}")
    with pytest.raises(GateError, match=f"mine{SUFFIX} is not a calibration"):
        find_calibration("0" * 16, str(tmp_path))
