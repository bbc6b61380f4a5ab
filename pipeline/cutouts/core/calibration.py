"""The probability that a mask is bad, from what was measured on it: a logistic regression, fitted by `evaluation`.

Bad is a mask that a person would reject: `BAD` says it in figures, against the true alpha. A calibration holds for the
networks on whose masks it was fitted or checked, and for what is measured on them; both are part of the matte digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cutouts.core.pixels import Doubles
from cutouts.core.promise import CheckedMasks

TERMS: Mapping[str, tuple[float, str]] = {
    "saliency_peak": (0.0, "the network is not sure of a product anywhere"),
    "saliency_doubt": (1e-3, "the network doubts much of what it found"),
    "matte_doubt": (1e-3, "much of the matte is half transparent"),
    "worst_doubt": (0.0, "in one region, the network cannot tell product from background"),
    "islands": (1e-3, "parts of the matte lie apart from the product"),
    "thin": (1e-3, ""),
}
"""What the probability is made of: the measurement, what is added before its logarithm is taken (0: it is taken as it
is), and how a person reads that it speaks against the mask. A thin product lowers the probability, and has no words."""
AGAINST = frozenset(words for _, words in TERMS.values() if words)
"""The sentences that speak against a mask."""
FAVOURABLE = frozenset({"saliency_peak", "thin"})
"""The measurements of which more speaks for the mask. Of all others, more speaks against it."""
REASONS = 3
"""So many sentences against a mask are enough for a person."""
_LITTLE = 0.25
"""What speaks less against a mask than this, in logits, is told only if nothing else does."""
_LARGEST = 1e4
"""No number of a fitted calibration is nearly as large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a mask counts as bad: below an overlap, above a share; a scene without a product always does."""

    iou: float = 0.90
    boundary_iou: float = 0.70
    lost: float = 0.03
    taken_along: float = 0.05


BAD = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One measurement's part: its mean and spread over the masks that were fitted, and its weight in logits."""

    mean: float
    spread: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A fitted gate. `networks` are names by matte digest; `images` and `bad` count the masks that it was fitted on.
    `checked` are other masks, which a promise is made from."""

    version: str
    networks: Mapping[str, str]
    bias: float
    weights: Mapping[str, Weight]
    images: int
    bad: int
    checked: tuple[CheckedMasks, ...] = ()

    def probabilities(self, measured: Mapping[str, Doubles]) -> Doubles:
        """The probability, float64 (n,) in 0…1, that each mask is bad; `measured` has (n,) values per term."""
        logits = sum(self._parts(measured).values()) + self.bias
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), np.float64)

    def reasons(self, measured: Mapping[str, Doubles]) -> list[tuple[str, ...]]:
        """What speaks most against each mask, in words, the strongest first: at most `REASONS` sentences per mask.

        Others than the strongest are told if they speak against the mask at least half as much.
        """
        parts = {name: part for name, part in self._parts(measured).items() if TERMS[name][1]}
        against = np.stack(list(parts.values()))
        strongest = np.argsort(-against, axis=0, kind="stable")[:REASONS]
        weight = np.take_along_axis(against, strongest, axis=0)
        told = weight >= np.maximum(weight[0] / 2, _LITTLE)
        told[0] = True
        patterns, of_mask = np.unique(np.where(told, strongest, -1), axis=1, return_inverse=True)
        words = [TERMS[name][1] for name in parts]
        sentences = [tuple(words[at] for at in pattern if at >= 0) for pattern in patterns.T]
        return [sentences[at] for at in of_mask.reshape(-1)]

    def _parts(self, measured: Mapping[str, Doubles]) -> dict[str, Doubles]:
        return {
            name: one.weight * (term(name, measured[name]) - one.mean) / one.spread
            for name, one in self.weights.items()
        }


def faults(calibration: Calibration) -> Iterator[str]:
    """What is wrong with the numbers of a calibration, in words: with them, p_bad would say nothing about a mask."""
    if calibration.weights.keys() != TERMS.keys():
        yield f"it has weights for {', '.join(calibration.weights) or 'nothing'}; expected are {', '.join(TERMS)}"
    for name, one in calibration.weights.items():
        if not all(abs(value) <= _LARGEST for value in (one.mean, one.spread, one.weight)) or one.spread <= 0:
            yield f"{name}: mean, spread and weight are finite numbers, and the spread is above 0"
        elif one.weight * (-1 if name in FAVOURABLE else 1) < 0:
            yield f"{name}: its weight has the wrong sign, so it would make bad masks look good"
    if not abs(calibration.bias) <= _LARGEST:
        yield "the bias is a finite number"
    if not calibration.networks or not calibration.version:
        yield "it names no network, or has no version"
    if not 0 <= calibration.bad <= calibration.images:
        yield f"{calibration.bad} bad masks of {calibration.images}"
    yield from _checked_faults(calibration)


def _checked_faults(calibration: Calibration) -> Iterator[str]:
    groups = [(one.matte_digest, one.category) for one in calibration.checked]
    if len(set(groups)) < len(groups):
        yield "the masks of one network and category are checked twice"
    for one in calibration.checked:
        for p_bad in (one.good, one.bad):
            if list(p_bad) != sorted(p_bad) or not all(0 <= value <= 1 for value in p_bad):
                yield "the p_bad of checked masks are probabilities in order"


def terms(metrics: pa.Table) -> dict[str, Doubles]:
    """The measurements that the probability is computed from, float64 (n,) each, by name."""
    return {name: metrics.column(name).to_numpy().astype(np.float64) for name in TERMS}


def term(name: str, values: Doubles) -> Doubles:
    """A measurement as the regression takes it: its logarithm, or as it is."""
    offset, _ = TERMS[name]
    return np.log(np.maximum(values, 0) + offset) if offset else np.asarray(values, np.float64)


def is_bad(*, iou: float, boundary_iou: float, lost: float, taken_along: float, empty: bool) -> bool:
    """Whether a person would reject a mask with these figures; `empty` says that the scene has no product."""
    good = iou >= BAD.iou and boundary_iou >= BAD.boundary_iou
    return empty or not (good and lost <= BAD.lost and taken_along <= BAD.taken_along)
