"""Tests whether one of two contenders is better, from pairs of results on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cutouts.core.pixels import Doubles

SEED = 20_240_517
RESAMPLES = 10_000
LEVEL = 0.95
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One metric of two contenders on the same images.

    `first` and `second` are means; `low`…`high` is the 95 % interval of second − first. `p` is the probability of a
    difference at least this large if there were no real difference (two-sided). `first_better`, `second_better` and
    `same` count images.
    """

    metric: str
    first: float
    second: float
    low: float
    high: float
    first_better: int
    second_better: int
    same: int
    p: float


def paired(
    metrics: tuple[str, ...], first: Doubles, second: Doubles, smaller_is_better: frozenset[str]
) -> list[Paired]:
    """The comparison per metric. `first` and `second` are float64 (images, metrics); the same row is the same image in
    both.

    Wilcoxon's signed-rank test (1945), and the percentile interval of a paired bootstrap (Efron 1979) over images with
    a fixed seed. Raises ValueError if there is no image.
    """
    if first.shape != second.shape or len(first) == 0:
        raise ValueError(f"pairs are needed, got shapes {first.shape} and {second.shape}")
    low, high = interval(second - first)
    return [
        _one(name, first[:, at], second[:, at], (low[at], high[at]), -1 if name in smaller_is_better else 1)
        for at, name in enumerate(metrics)
    ]


def _one(metric: str, first: Doubles, second: Doubles, bounds: tuple[float, float], sign: int) -> Paired:
    difference = second - first
    return Paired(
        metric=metric,
        first=float(first.mean()),
        second=float(second.mean()),
        low=float(bounds[0]),
        high=float(bounds[1]),
        first_better=int(np.count_nonzero(sign * difference < 0)),
        second_better=int(np.count_nonzero(sign * difference > 0)),
        same=int(np.count_nonzero(difference == 0)),
        p=signed_rank(difference),
    )


def interval(differences: Doubles) -> tuple[Doubles, Doubles]:
    """The bounds of the bootstrap interval of each column's mean, float64 (columns,); the same at every call."""
    rng, count = np.random.default_rng(SEED), len(differences)
    means = [_drawn(rng, count) @ differences / count for _ in range(RESAMPLES // _AT_ONCE)]
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _drawn(rng: np.random.Generator, count: int) -> Doubles:
    """How often each image is drawn in `_AT_ONCE` resamples, float64 (resamples, count)."""
    places = rng.integers(0, count, (_AT_ONCE, count)) + count * np.arange(_AT_ONCE)[:, None]
    return np.bincount(places.reshape(-1), minlength=_AT_ONCE * count).reshape(_AT_ONCE, count).astype(np.float64)


def signed_rank(differences: Doubles) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test; pairs without a difference are left out.

    SciPy chooses the method: exact for up to 50 pairs (up to 13 if some differences are equal), otherwise the normal
    approximation with a correction for ties. The result is 1 if no pair differs.
    """
    from scipy.stats import wilcoxon

    differing = differences[differences != 0]
    return float(wilcoxon(differing).pvalue) if differing.size else 1.0
