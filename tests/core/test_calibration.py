"""The probability that a mask is bad, and which masks count as bad."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.calibration import TERMS, Calibration, Weight, is_bad, term
from cutouts.core.pixels import Doubles

FINE = {"iou": 0.99, "boundary_iou": 0.95, "lost": 0.0, "taken_along": 0.0, "empty": False}


def made(**weights: float) -> Calibration:
    """A calibration with these weights, of terms whose mean is 0 and whose spread is 1."""
    ones = {name: Weight(mean=0.0, spread=1.0, weight=weight) for name, weight in weights.items()}
    return Calibration(version="v", networks={}, bias=0.0, weights=ones, images=0, bad=0)


def masks(**values: list[float]) -> dict[str, Doubles]:
    """Measurements of some masks."""
    return {name: np.asarray(some, np.float64) for name, some in values.items()}


def test_a_mask_without_evidence_is_as_likely_bad_as_good() -> None:
    """It is the logistic function of 0; each weight moves it, and the largest values stay within 0 and 1."""
    said = made(worst_doubt=2.0).probabilities(masks(worst_doubt=[0.0, 0.5, 1.0, 1e6, -1e6]))
    assert said[:3] == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))])
    assert said[3:] == pytest.approx([1.0, 0.0])


def test_shares_count_by_their_logarithm_and_zero_is_valid() -> None:
    """Twice as much softness means the same whether there is little or much of it."""
    few, more, many = term("matte_doubt", np.array([0.0, 0.1, 0.2]))
    assert np.isfinite(few)
    assert many - more == pytest.approx(np.log(0.201 / 0.101))
    assert term("worst_doubt", np.array([0.3])) == pytest.approx([0.3])


def test_the_strongest_evidence_against_a_mask_is_its_reason() -> None:
    """Every mask has a reason, in words; thinness of the product excuses and is never a reason."""
    against = made(worst_doubt=1.0, islands=1.0, thin=100.0)
    told = against.reasons(masks(worst_doubt=[0.9, -9.0], islands=[0.0, 1.0], thin=[1.0, 1.0]))
    assert told == [(TERMS["worst_doubt"][1],), (TERMS["islands"][1],)]


def test_what_speaks_nearly_as_much_against_a_mask_is_told_too() -> None:
    """The strongest comes first; what speaks less than half as much, or hardly at all, is not told."""
    against = made(worst_doubt=1.0, islands=1.0, matte_doubt=1.0)
    islands, softness = ([np.exp(part) - 1e-3 for part in parts] for parts in ((2.0, 0.2, 0.0), (0.9, 0.1, 0.0)))
    told = against.reasons(masks(worst_doubt=[1.5, 0.1, 0.0], islands=islands, matte_doubt=softness))
    doubt, apart = TERMS["worst_doubt"][1], TERMS["islands"][1]
    assert told == [(apart, doubt), (apart,), (doubt,)]


@pytest.mark.parametrize(
    ("changed", "bad"),
    [
        ({}, False),
        ({"iou": 0.9, "boundary_iou": 0.7, "lost": 0.03, "taken_along": 0.05}, False),
        ({"iou": 0.899}, True),
        ({"boundary_iou": 0.699}, True),
        ({"lost": 0.031}, True),
        ({"taken_along": 0.051}, True),
        ({"empty": True}, True),
    ],
)
def test_one_fault_makes_a_mask_bad(changed: dict[str, float], bad: bool) -> None:
    """Each limit is enough by itself; a scene without a product is bad even if its empty mask is right."""
    assert is_bad(**(FINE | changed)) is bad  # type: ignore[arg-type] # numbers and one flag
