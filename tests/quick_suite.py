"""The shipped suite with two measurements of masks, for tests that are not about measurements."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

COLUMNS = (None, "image_id", "saliency_peak", "p_bad")
"""The columns whose rules about images are kept: `saliency_peak` tells photographs of a product from those of nothing,
and `p_bad` needs a calibration."""


@pytest.fixture(scope="session")
def quick_suite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file. It is judged in half the time, with each action and frame of the shipped one."""
    suite = json.loads((files("cutouts.schemas") / "expectations/mask_quality.json").read_text(encoding="utf-8"))
    suite["expectations"] = [
        one
        for one in suite["expectations"]
        if one["meta"]["frame"] != "images" or one["kwargs"].get("column") in COLUMNS
    ]
    file = tmp_path_factory.mktemp("suite") / "quick.json"
    file.write_text(json.dumps(suite), encoding="utf-8")
    return str(file)
