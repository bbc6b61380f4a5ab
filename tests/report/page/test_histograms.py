"""The drawing of a histogram shows what is rare, and its axis has round numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.pixels import Doubles
from cutouts.report.page.histograms import SHOWN, Histogram, Values, histogram

RNG = np.random.default_rng(5)
NOBODY = np.zeros(0)


def _drawn(name: str, good: Doubles, kept_back: Doubles = NOBODY, limits: tuple[float, ...] = ()) -> Histogram:
    return histogram(name, Values(good=good, kept_back=kept_back), limits)


def test_one_bad_image_of_thousands_is_visible() -> None:
    """Its bar has a least height, and lies on top of the others."""
    bars = _drawn("coverage", np.full(5_000, 0.31), np.array([0.31])).bars
    good, bad = bars
    assert (good.kind, bad.kind) == ("good", "kept-back")
    assert bad.height >= 1
    assert bad.y + bad.height == pytest.approx(good.y)


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 0.2, 1.0, 7.0, 3e4])
def test_everything_drawn_is_on_the_paper(name: str, scale: float) -> None:
    """Bars, limits and round numbers along the axis, whatever was measured."""
    values, limit = RNG.random(50) * scale, 0.4 * scale
    plot = _drawn(name, values, -values[:3] if name == "edge_alignment" else NOBODY, (limit,))
    assert all(bar.x >= 0 and bar.x + bar.width <= 300 and bar.y + 1e-9 >= 0 for bar in plot.bars)
    assert all(0 <= x <= 300 for x in plot.limits)
    assert 2 <= len(plot.ticks) <= 6
    assert all(0 <= x <= 300 and len(label) <= 7 for x, label in plot.ticks)
    assert f"limit {limit:g}" in plot.words


def test_accepted_deliveries_are_compared_by_shares() -> None:
    """An accepted delivery of any size that has the same distribution gives an outline of the same height."""
    values = RNG.random(40)
    plot = histogram("coverage", Values(good=values, kept_back=NOBODY, accepted=np.tile(values, 25)), ())
    tops = {round(84 - float(point.split(",")[1]), 1) for point in plot.accepted.split()}
    assert {round(bar.height, 1) for bar in plot.bars} <= tops
    assert plot.words.endswith(f"1000 accepted images, median {np.median(values):.3g}")
