"""Tiles along the edges of drawn training images: what the edge network sees there, and the true matte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from cutouts.core.matting.edge_network import features, sites
from cutouts.core.matting.plain_background import plain_background, settled_by_rules
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.training.batches.sampler import grounded
from cutouts.training.batches.schedule import Phase
from cutouts.training.data.cache import Datasets
from cutouts.training.second_look.loop import Base

SIDE = 96
"""Width and height of a tile (px of the network's output)."""
OF_EACH = 8
"""Tiles of each image."""
SIZES = (512, 768, 1024)
"""Sides of the drawn images (px)."""
WRONG = 0.7
"""Images whose saliency has a smaller IoU are not used: no edge says what is missing there."""

Tiles = npt.NDArray[np.float16]


def drawn(datasets: Datasets, networks: Sequence[Base], seed: int) -> Iterator[Tiles]:
    """Tiles of one image after the other, for ever: float16 (n, 11, 96, 96), of features, true matte and sites."""
    step = 0
    while True:
        rng, step = np.random.default_rng([seed, step, 2]), step + 1
        size = int(rng.choice(SIZES))
        rgba = grounded(datasets, seed, step, Phase(until=1.0, size=size, batch=1))[0]
        tiles = _tiles(rng, rgba, networks[int(rng.integers(len(networks)))])
        if tiles is not None:
            yield tiles


def _tiles(rng: np.random.Generator, rgba: Bytes, network: Base) -> Tiles | None:
    """Tiles of an image, uint8 (S, S, 4); None if its background is not plain, or if the saliency is wrong."""
    photograph = Photograph(rgb=_stored(rng, np.ascontiguousarray(rgba[..., :3])))
    side = network.size
    truth = np.asarray(cv2.resize(rgba[..., 3], (side, side), interpolation=cv2.INTER_AREA), np.float32) / np.float32(
        255
    )
    saliency = network(photograph.shrunk(side, side))
    if _overlap(truth, saliency) < WRONG:
        return None
    saliency = _mistaken(rng, saliency)
    background, rgb = plain_background(saliency, photograph), photograph.shrunk(side, side)
    if not background.trust:
        return None
    difference = background.difference(rgb)
    ruled = settled_by_rules(saliency, difference, background)
    where = sites(ruled, saliency)
    seen = features(rgb, ruled, saliency, difference, background.trust)
    planes = np.concatenate([np.moveaxis(seen, 2, 0), truth[None], where[None]]).astype(np.float16)
    rows, columns = np.nonzero(where[: side - SIDE, : side - SIDE])
    middle = rng.integers(len(rows), size=OF_EACH) if len(rows) else ()
    corners = [(max(0, rows[at] - SIDE // 2), max(0, columns[at] - SIDE // 2)) for at in middle]
    tiles = [planes[:, top : top + SIDE, left : left + SIDE] for top, left in corners]
    return np.stack(tiles) if tiles else None


def _stored(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """Half of the images as JPEG, like most photographs."""
    if rng.random() < 0.5:
        return rgb
    _, jpeg = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_UNCHANGED), np.uint8)


def _overlap(truth: Floats, saliency: Floats) -> float:
    """The IoU of both at one half."""
    known, said = truth > 0.5, saliency > 0.5
    return float((known & said).sum() / max(1, (known | said).sum()))


def _mistaken(rng: np.random.Generator, saliency: Floats) -> Floats:
    """Half of the time with edges that are shifted, and sometimes blurred, like those of a product that the network has
    not seen."""
    if rng.random() < 0.5:
        return saliency
    side, coarse = saliency.shape[0], int(rng.integers(4, 24))
    shift = rng.normal(0, rng.uniform(0.3, 2.5), (coarse, coarse, 2)).astype(np.float32)
    shift = cv2.resize(shift, (side, side), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    moved = cv2.remap(saliency, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.4:
        moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.4, 1.5))
    return np.asarray(np.clip(moved, 0, 1), np.float32)
