"""How well a probability separates bad masks from good ones, and how well it is calibrated."""

from __future__ import annotations

import numpy as np

from cutouts.core.pixels import Doubles, Mask


def caught(bad: Mask, probability: Doubles, *, false_alarms: float = 0.05) -> float:
    """The share of bad masks above the threshold that a share of `false_alarms` of the good masks exceeds."""
    threshold = np.quantile(probability[~bad], 1 - false_alarms)
    return float((probability[bad] > threshold).mean())


def calibration_error(bad: Mask, probability: Doubles, bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean gap between predicted and actual share, over equal
    bins."""
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gaps = (abs(float(bad[place == at].sum() - probability[place == at].sum())) for at in range(bins))
    return sum(gaps) / len(bad)


def area_under_curve(bad: Mask, probability: Doubles) -> float:
    """AUROC: how often a bad mask has a higher probability than a good one; ties count half."""
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    positive = int(bad.sum())
    above = ranks[place][bad].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(bad) - positive)))


def area_under_risk_coverage(bad: Mask, probability: Doubles) -> float:
    """AURC (Geifman et al. 2019): the mean share of bad masks among the surest 1, 2, … n; ties count as their mean."""
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    expected = (np.bincount(place, weights=bad) / counts)[np.sort(place)]
    return float((np.cumsum(expected) / np.arange(1, len(bad) + 1)).mean())
