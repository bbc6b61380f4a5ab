"""Corrects the saliency along the edges in front of a plain background, with a small network.

Its input is the photograph, the saliency, and how each pixel differs from the estimated background, up to 8 px away. It
restores what differs from the background, such as a pale rim, and removes haze and shadow that do not belong to the
product. It is a convolutional network that is only computed at *sites*, the pixels near an edge: all others count as
zero in its hidden layers (submanifold sparse convolution, Graham et al. 2018). So its time is proportional to the
length of the edges. `python -m examples.edge_network` trains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from cutouts.core.matting.pixel_lookup import Indices
from cutouts.core.matting.refine import unsure
from cutouts.core.pixels import Bytes, Floats, Mask

CHANNELS = 9
"""Red, green, blue, the saliency after and before its doubt was settled, three differences, and the trust."""
RINGS, DILATIONS = (1, 4, 8), (1, 2)
"""Distance (px) of the eight neighbours that the first layer sees, and of those that each further layer sees."""
MARGIN = max(RINGS)
_BLOCK = 1024
"""Sites computed at a time: their inputs fit into the cache."""
_ROWS = 64
"""Rows of a matrix product: for so few, BLAS starts no threads, which would wait for each other more than they work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """`kernel`, float32 (inputs, outputs), in which a neighbour's channels follow each other, and `bias` (outputs,)."""

    kernel: Floats
    bias: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeNetwork:
    """The layers: the first sees the features, each of `body` the layer before; `head` gives one number per site."""

    first: Layer
    body: tuple[Layer, ...]
    head: Layer


@cache
def shipped() -> EdgeNetwork:
    """The network that this package contains."""
    with (files("cutouts.core.matting") / "edge_network.npz").open("rb") as file, np.load(file) as arrays:
        layers = [Layer(kernel=arrays[f"kernel{at}"], bias=arrays[f"bias{at}"]) for at in range(2 + len(DILATIONS))]
    return EdgeNetwork(first=layers[0], body=tuple(layers[1:-1]), head=layers[-1])


def sites(settled: Floats, saliency: Floats) -> Mask:
    """The pixels near the contour at one half, or near what is unsure: bool h×w. Both are float32 h×w in 0…1."""
    near = unsure(saliency) | unsure(settled)
    inside = (settled > 0.5).view(np.uint8)
    contour = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(near.view(np.uint8) | contour, np.ones((3, 3), np.uint8)), np.uint8).view(np.bool_)


def features(rgb: Bytes, settled: Floats, saliency: Floats, difference: Floats, trust: float) -> Floats:
    """What the network sees at each pixel, float32 h×w×9.

    `rgb` is uint8 h×w×3; `difference`, float32 h×w×3, is that from the background, −1…1. It sees signed square roots of
    it, because small ones count, multiplied by `trust`, 0…1.
    """
    colour = cv2.multiply(rgb, np.ones(4), scale=1 / 255, dtype=cv2.CV_32F)
    root = cv2.sqrt(cv2.absdiff(difference, 0))
    root *= np.float32(trust)
    np.copysign(root, difference, out=root)
    known = np.full(settled.shape, trust, np.float32)
    return np.asarray(cv2.merge([colour - np.float32(0.5), settled, saliency, root, known]), np.float32)


def changes(network: EdgeNetwork, seen: Floats, where: Mask) -> Floats:
    """By how much the saliency changes at each pixel of `where` (bool h×w), float32 n, row by row; `seen` are
    `features`."""
    if not where.any():
        return np.zeros(0, np.float32)
    padded = np.pad(seen, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    width = padded.shape[1]
    rows, columns = np.nonzero(where)
    pixels = (rows + MARGIN) * width + columns + MARGIN
    count = pixels.size
    pixels = np.concatenate([pixels, np.repeat(pixels[:1], -count % _ROWS)])  # the first again, until the rows are full
    hidden = _layer(network.first, padded.reshape(-1, CHANNELS), pixels, _neighbours(width, *RINGS))
    number = np.full(padded.shape[0] * width, pixels.size)  # of a site; all other pixels share one
    number[pixels] = np.arange(pixels.size)
    for layer, distance in zip(network.body, DILATIONS, strict=True):
        hidden = _layer(layer, hidden, pixels, _neighbours(width, distance), number)
    return np.asarray(_product(hidden[:-1], network.head)[:count, 0], np.float32)


def _layer(layer: Layer, rows: Floats, pixels: Indices, neighbours: Indices, number: Indices | None = None) -> Floats:
    """The layer's output at each pixel, and a row of zeros, float32 (n + 1)×outputs.

    Each pixel's input is that of its `neighbours`, whose rows are `number`, or their own indices.
    """
    output = np.zeros((pixels.size + 1, layer.bias.size), np.float32)
    for part in _blocks(pixels.size):
        near = pixels[part, None] + neighbours
        where = near if number is None else number.take(near)
        inputs = rows.take(where.reshape(-1), 0).reshape(len(near), -1)
        np.maximum(_product(inputs, layer), 0, out=output[part])
    return output


def _product(rows: Floats, layer: Layer) -> Floats:
    """`rows`, float32 n×inputs with n a multiple of `_ROWS`, times the kernel, plus the bias: float32 n×outputs."""
    result: Floats = (rows.reshape(-1, _ROWS, rows.shape[1]) @ layer.kernel).reshape(len(rows), -1)
    result += layer.bias
    return result


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, _BLOCK):
        yield slice(start, min(size, start + _BLOCK))


def _neighbours(width: int, *distances: int) -> Indices:
    """The flat offsets of a pixel and its eight neighbours at each distance, row by row, in planes that wide."""
    steps = [(y * far, x * far) for far in distances for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return np.array([y * width + x for y, x in steps], np.intp)
