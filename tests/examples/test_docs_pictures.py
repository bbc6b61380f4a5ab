"""The pictures of the documentation compared with what examples/docs_pictures.py makes today."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.docs_pictures import docs_pictures
from tests.docs.pages import DOCS

LEVELS, PIXELS = 40, 20
"""A picture is stale if more pixels than this differ by more levels: by an edge, not by a processor's rounding."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of them."""
    folder = tmp_path_factory.mktemp("pictures")
    docs_pictures(folder)
    return folder


def test_every_picture_of_the_samples_is_made(made: Path) -> None:
    """The failures are of photographs that are not in the project."""
    assert {file.name for file in made.iterdir()} == {file.name for file in DOCS.glob("*.webp")} - {
        "default-failures.webp"
    }


def test_the_pictures_show_what_the_code_makes_today(made: Path) -> None:
    """If not, run `python examples/docs_pictures.py docs`, and look at them."""
    stale = [file.name for file in made.iterdir() if _differ(file, DOCS / file.name)]
    assert stale == []


def _differ(one: Path, other: Path) -> bool:
    first, second = (np.asarray(Image.open(file).convert("RGB"), np.int16) for file in (one, other))
    return first.shape != second.shape or int((np.abs(first - second).max(axis=2) > LEVELS).sum()) > PIXELS
