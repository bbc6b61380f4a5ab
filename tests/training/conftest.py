"""Datasets that are small enough to train on in a test: discs and boxes in front of gradients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.training.data.cache import Datasets, dataset
from cutouts.training.data.examples import Example, premultiplied


def _natural() -> Iterator[Example]:
    """Six photographs: a bright disc on a dark gradient, its mask as alpha."""
    for index in range(6):
        image = np.tile(np.linspace(20, 120, 96, dtype=np.uint8)[None, :, None], (80, 1, 3))
        mask = np.zeros((80, 96), np.uint8)
        cv2.circle(mask, (40 + 3 * index, 40), 18 + index, 255, -1)
        image[mask > 0] = (230, 200, 40 * (index % 5))
        yield Example(name=f"disc-{index}", rgba=np.dstack([image, mask]))


def _products() -> Iterator[Example]:
    """Two products: a floating red disc, and a blue box that is cut by the lower frame."""
    disc = np.zeros((60, 60, 4), np.uint8)
    cv2.circle(disc, (30, 30), 28, (200, 30, 30, 255), -1, cv2.LINE_AA)
    yield Example(name="disc", rgba=premultiplied(disc))
    box = np.full((70, 40, 4), (30, 40, 200, 255), np.uint8)
    yield Example(name="box", rgba=box, sides=(False, True, False, False))


def _scenes() -> Iterator[Example]:
    """A grey room that may be used as empty, and a red shop shelf that may not."""
    for name, colour in (("hdri/room", (180, 180, 180, 0)), ("shop/shelf", (150, 0, 0, 0))):
        yield Example(name=name, rgba=np.full((90, 120, 4), colour, np.uint8))


def _clearings() -> Iterator[Example]:
    """The background beside a subject: a green meadow."""
    yield Example(name="meadow", rgba=np.full((80, 160, 4), (40, 150, 60, 0), np.uint8))


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Datasets:
    """The datasets of a training, on disk as for a real training."""
    folder: Path = tmp_path_factory.mktemp("datasets")
    return Datasets(
        natural=dataset(folder / "natural", _natural),
        products=dataset(folder / "products", _products),
        scenes=dataset(folder / "scenes", _scenes),
        clearings=dataset(folder / "clearings", _clearings),
    )
