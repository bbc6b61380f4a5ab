"""Tests of `summary.json`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cutouts.adapters.storage.ownership import MARKER
from cutouts.core.errors import BooksError
from cutouts.report import RunSummary, write_summary

KEYS = ["images", "skipped", "published", "quarantined", "held", "rejected", "model_batches"]
KEYS += ["images_per_second", "withdrawn"]


def test_the_summary_has_exactly_its_keys_in_order(tmp_path: Path) -> None:
    """Other programs read these nine keys."""
    numbers = (6, 1, 2, 1, 1, 1, 3, 4.5, 2)
    summary = RunSummary(**dict(zip(KEYS, numbers, strict=True)))  # type: ignore[arg-type]
    write_summary(tmp_path / "summary.json", summary)
    assert list(json.loads((tmp_path / "summary.json").read_text()).items()) == list(zip(KEYS, numbers, strict=True))
    assert {path.name for path in tmp_path.iterdir()} == {"summary.json", MARKER}


def test_a_summary_has_to_balance() -> None:
    """The number of images is the sum of the five outcomes, or no summary is written."""
    with pytest.raises(BooksError, match="5 images, but 4 outcomes"):
        RunSummary(
            images=5, skipped=0, published=4, quarantined=0, held=0, rejected=0, model_batches=4, images_per_second=1
        )
