"""Which images make up step number n: a pure function of the seed, the step, and nothing that happened before.

So a resumed training goes on with the very images that it would have seen, and the data position is one number.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.core.pixels import shrink
from pipeline.training.cache import Album, Albums, Pixels
from pipeline.training.camera import sensor
from pipeline.training.composite import composite, cropped, nothing
from pipeline.training.erase import patched
from pipeline.training.schedule import Leg

NATURAL_SHARE = 0.36
PATCHED_SHARE = 0.2
# At a quarter of this the network took one empty room in seven for a product.
EMPTY_SHARE = 0.24
EDGE_BOX = 0.088
EDGE_WEIGHT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step's images.

    `images`: uint8 RGB (N, S, S, 3). `alphas`: float32 (N, 1, S, S) in 0..1. `weights`: float32 like `alphas`, 1 to 5.
    """

    images: Pixels
    alphas: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


def batch(albums: Albums, seed: int, step: int, leg: Leg) -> Batch:
    """The images of step number `step`, as many as `leg` asks for and of its size."""
    rng = np.random.default_rng([seed, step])
    samples = [sample(rng, albums, leg) for _ in range(leg.batch)]
    alphas = np.stack([rgba[..., 3] for rgba in samples]).astype(np.float32) / np.float32(255)
    return Batch(
        images=np.stack([rgba[..., :3] for rgba in samples]),
        alphas=alphas[:, None],
        weights=np.stack([edge_weights(alpha) for alpha in alphas])[:, None],
    )


def sample(rng: np.random.Generator, albums: Albums, leg: Leg) -> Pixels:
    """One training image, uint8 (S, S, 4): a photograph, a composite or an empty scene, as a camera gives it."""
    kind, size = rng.random(), leg.size
    if kind < NATURAL_SHARE:
        rgba = photograph(rng, albums.natural)
    elif kind < NATURAL_SHARE + EMPTY_SHARE:
        rgba = nothing(rng, albums, size)
    else:
        rgba = composite(rng, albums, size)
    small = shrink(rgba, size, size)
    return np.dstack([sensor(rng, np.ascontiguousarray(small[..., :3])), small[..., 3]])


def photograph(rng: np.random.Generator, album: Album) -> Pixels:
    """A crop of a photograph with its mask, uint8 (H, W, 4); in some a place beside the subject is filled."""
    rgba = album[int(rng.integers(len(album)))]
    if rng.random() < PATCHED_SHARE:
        rgba = patched(rng, rgba, album[int(rng.integers(len(album)))][..., 3])
    return cropped(rng, rgba)


def edge_weights(alpha: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Weight of each pixel, float32 (S, S), 1 far from edges to 5 at a lonely pixel.

    1 + 4·|box(mask) − mask| of F3Net (Wei et al. 2020, arXiv 1911.11445), whose box of 31 pixels at 352² is kept as a
    share of the side, so that all input sizes weigh alike.
    """
    side = round(alpha.shape[0] * EDGE_BOX) | 1
    around = cv2.blur(alpha, (side, side), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(1.0 + EDGE_WEIGHT * np.abs(around - alpha), np.float32)
