"""Exact bounds (Clopper and Pearson 1934) on the share behind a count, right for 20 images and for a million."""

from __future__ import annotations

import math

import numpy as np

CONFIDENCE = 0.95
"""The confidence of every bound that the gate judges and promises by."""
_STEPS = 60
"""Bisections of 0…1: more than float64 can tell apart."""


def upper_bound(found: int, count: int, confidence: float) -> float:
    """The largest share, 0…1, with which as few as `found` of `count` are found with probability 1 − `confidence`."""
    return 1.0 if found >= count else _crossing(found, count, 1 - confidence)


def lower_bound(found: int, count: int, confidence: float) -> float:
    """The smallest share, 0…1, with which as many as `found` of `count` are found with probability 1 − `confidence`."""
    return 0.0 if found <= 0 else _crossing(found - 1, count, confidence)


def fewest(share: float, confidence: float) -> int:
    """How many are needed, none of them bad, to say with this confidence that at most `share` are bad."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-share) - 1e-9)


def at_most(found: int, count: int, share: float) -> float:
    """The probability, 0…1, that at most `found` of `count` are bad if each is with probability `share`."""
    if found >= count or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    place = np.arange(1, found + 1, dtype=np.float64)
    ratios = np.log((count - place + 1) / place) + math.log(share / (1 - share))
    logs = count * math.log1p(-share) + np.concatenate([[0.0], np.cumsum(ratios)])
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))


def _crossing(found: int, count: int, probability: float) -> float:
    """The share at which `at_most`, which falls as the share grows, has this value."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(found, count, middle) > probability else (low, middle)
    return high
