"""Chooses the images of step number n. This is a pure function of seed and step, and independent of earlier steps.

So a resumed training continues with exactly the images that it would have seen, and one number is its position in the
data.
"""

from __future__ import annotations

import numpy as np

from cutouts.core.pixels import Bytes, shrink
from cutouts.training.batches.schedule import Phase
from cutouts.training.batches.shares import SHARES, Shares
from cutouts.training.data.cache import Dataset, Datasets
from cutouts.training.drawing.camera import sensor
from cutouts.training.drawing.composite import composite, cropped, nothing
from cutouts.training.drawing.erase import patched

PATCHED_SHARE = 0.2
GROUNDED_EMPTY_SHARE, GROUNDED_RENDERED_SHARE = 0.08, 0.3
"""Shares of images for the second look, which learns from the ground: scenes without a product, and renders."""


def batch(datasets: Datasets, seed: int, step: int, phase: Phase, shares: Shares = SHARES) -> Bytes:
    """The images of step number `step` with their alpha, uint8 RGBA (N, S, S, 4); `phase` sets N and S."""
    rng = np.random.default_rng([seed, step])
    return np.stack([sample(rng, datasets, phase, shares) for _ in range(phase.batch)])


def grounded(datasets: Datasets, seed: int, step: int, phase: Phase) -> Bytes:
    """Like `batch`, but for the second look, which learns from the ground behind products."""
    rng = np.random.default_rng([seed, step])
    return np.stack([_with_ground(rng, datasets, phase) for _ in range(phase.batch)])


def _with_ground(rng: np.random.Generator, datasets: Datasets, phase: Phase) -> Bytes:
    kind = rng.random()
    if kind < GROUNDED_EMPTY_SHARE:
        return _seen(rng, nothing(rng, datasets, phase.size), phase.size)
    if kind < GROUNDED_EMPTY_SHARE + GROUNDED_RENDERED_SHARE and datasets.rendered is not None:
        return _seen(rng, rendered(rng, datasets.rendered), phase.size)
    return _seen(rng, composite(rng, datasets, phase.size), phase.size)


def sample(rng: np.random.Generator, datasets: Datasets, phase: Phase, shares: Shares = SHARES) -> Bytes:
    """One training image, uint8 (S, S, 4): a photograph, render, composite or empty scene, with the effects of a
    camera."""
    kind, size = rng.random(), phase.size
    if kind < shares.natural:
        rgba = photograph(rng, datasets.natural)
    elif kind < shares.natural + shares.empty:
        rgba = nothing(rng, datasets, size)
    elif datasets.rendered is not None and rng.random() < shares.rendered:
        rgba = rendered(rng, datasets.rendered)
    else:
        rgba = composite(rng, datasets, size)
    return _seen(rng, rgba, size)


def _seen(rng: np.random.Generator, rgba: Bytes, size: int) -> Bytes:
    """The image shrunk to S × S, with the effects of a camera sensor, uint8 (S, S, 4)."""
    small = shrink(rgba, size, size)
    return np.dstack([sensor(rng, np.ascontiguousarray(small[..., :3])), small[..., 3]])


def rendered(rng: np.random.Generator, dataset: Dataset) -> Bytes:
    """A crop of a 3D model on its own ground with its matte, uint8 (H, W, 4)."""
    return cropped(rng, dataset[int(rng.integers(len(dataset)))])


def photograph(rng: np.random.Generator, dataset: Dataset) -> Bytes:
    """A crop of a photograph with its mask, uint8 (H, W, 4); in some, an area beside the subject is filled."""
    rgba = dataset[int(rng.integers(len(dataset)))]
    if rng.random() < PATCHED_SHARE:
        rgba = patched(rng, rgba, dataset[int(rng.integers(len(dataset)))][..., 3])
    return cropped(rng, rgba)
