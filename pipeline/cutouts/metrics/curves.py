"""F- and E-measure: judges a matte at each of 256 thresholds, as the literature on salient objects does.

The literature stores predictions as 8-bit pictures, so the matte is rounded to its 256 levels here and nowhere else. It
also stretches each prediction to 0…1 first, which we never do, so figures only equal the literature's if a matte
already spans 0…1. A whole curve is computed from two histograms, whose cumulative sums give the number of pixels of the
image and of the product that reach each level: 256 thresholds cost no more than one. If the truth is empty, precision,
recall and F are 0, as published.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Doubles, Floats
from cutouts.metrics.planes import EPSILON, at_half, check

LEVELS = 255
BETA_SQUARED = 0.3
"""Precision counts more than recall (Achanta et al. 2009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Precision, recall, F- and E-measure at each level, float64 (256,), and the level of the adaptive threshold (twice
    the mean)."""

    precision: Doubles
    recall: Doubles
    f: Doubles
    e: Doubles
    adaptive: int


def curves(matte: Floats, truth: Floats) -> Curves:
    """The curves of one matte against its truth, which is thresholded at one half. Raises ValueError if the planes do
    not fit.

    F-measure of Achanta et al. 2009 (CVPR, β² = 0.3); E-measure of Fan et al. 2018 (IJCAI, arXiv 1805.10421), which is
    at most n / (n − 1) for n pixels, as in the authors' code. The adaptive threshold is min(2 · mean, 1).
    """
    check(matte, truth)
    true = at_half(truth).view(np.uint8)
    levels = cv2.convertScaleAbs(matte, alpha=LEVELS)
    hits, said = _reaching(levels, true), _reaching(levels, None)
    precision, recall = hits / np.maximum(said, 1), hits / max(1, int(true.sum()))
    threshold = min(2 * float(np.mean(matte, dtype=np.float64)), 1.0)
    return Curves(
        precision=precision,
        recall=recall,
        f=f_measure(precision, recall),
        e=_alignment(hits, said, int(true.sum()), true.size),
        adaptive=int(np.ceil(LEVELS * threshold - 1e-4)),  # a level equal to the threshold counts as reaching it
    )


def f_measure(precision: Doubles, recall: Doubles) -> Doubles:
    """(1 + β²) · precision · recall / (β² · precision + recall); 0 if precision or recall is 0."""
    above = (1 + BETA_SQUARED) * precision * recall
    below = np.where(above == 0, 1, BETA_SQUARED * precision + recall)
    return np.asarray(above / below, np.float64)


def _reaching(levels: Bytes, true: Bytes | None) -> Doubles:
    """The number of pixels (if given, only of those in `true`) with at least level 0, 1, … 255, float64 (256,)."""
    counts = cv2.calcHist([levels], [0], true, [LEVELS + 1], [0, LEVELS + 1]).reshape(-1)
    return np.asarray(counts[::-1].astype(np.float64).cumsum()[::-1])


def _alignment(hits: Doubles, said: Doubles, true: int, pixels: int) -> Doubles:
    """The E-measure per level: the mean of ((1 + aligned) / 2)² over the four kinds of pixels of two masks."""
    if true == 0:
        return (pixels - said) / max(1, pixels - 1)
    if true == pixels:
        return said / max(1, pixels - 1)
    off, share = said / pixels, true / pixels
    parts = (
        (hits, 1 - off, 1 - share),
        (said - hits, 1 - off, -share),
        (true - hits, -off, 1 - share),
        (pixels - said - (true - hits), -off, -share),
    )
    total = np.zeros_like(said)
    for count, one, other in parts:
        aligned = 2 * one * other / (one**2 + other**2 + EPSILON)
        total += count * (aligned + 1) ** 2 / 4
    return np.asarray(total / max(1, pixels - 1), np.float64)
