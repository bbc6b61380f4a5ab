"""examples/list_held.py is run on a table as `cutouts run` writes it."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.decisions import Outcome
from cutouts.schemas.tables import IMAGES
from examples.list_held import NOT_PUBLISHED
from tests.waiting import PATIENCE

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "list_held.py"


def _image(number: int, outcome: Outcome, *reasons: str) -> dict[str, object]:
    return {
        "image_id": f"{number}.jpg",
        "delivery_id": "studio-a",
        "date": date(2026, 11, 22),
        "source": f"studio-a/{number}.jpg",
        "outcome": str(outcome),
        "reasons": list(reasons),
        "cutout": None,
        "mask": None,
        "p_bad": None,
        "notes": [],
    }


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A folder with one image of each outcome."""
    images = [
        _image(1, Outcome.PUBLISHED),
        _image(2, Outcome.REJECTED, "truncated"),
        _image(3, Outcome.QUARANTINED, "no product", "nearly empty"),
        _image(4, Outcome.HELD, "more than 30 % are bad"),
        _image(5, Outcome.SKIPPED),
    ]
    pq.write_table(pa.Table.from_pylist(images, schema=IMAGES), tmp_path / "images.parquet")
    return tmp_path


def test_it_lists_unpublished_images_with_their_reasons(result: Path) -> None:
    """Held images come first, and published and skipped ones are left out."""
    assert _run(str(result)).stdout.splitlines() == [
        "held\tstudio-a\t4.jpg\tmore than 30 % are bad",
        "quarantined\tstudio-a\t3.jpg\tno product; nearly empty",
        "rejected\tstudio-a\t2.jpg\ttruncated",
    ]


def test_it_knows_every_outcome() -> None:
    """A new outcome is either published or listed."""
    assert {*NOT_PUBLISHED, Outcome.PUBLISHED, Outcome.SKIPPED} == set(Outcome)


def test_without_a_folder_it_prints_its_usage() -> None:
    """The exit status is 1, with one line."""
    ended = _run()
    assert ended.returncode == 1
    assert ended.stderr.startswith("usage: ")
