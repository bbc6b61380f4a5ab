"""The four errors of the matting literature, compared with slow implementations per pixel."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from cutouts.core.pixels import Bytes
from cutouts.metrics import (
    connectivity_error,
    gradient_error,
    judge,
    mean_squared_error,
    sum_of_absolute_differences,
)
from tests.metrics.planes import noise, plane, product

PAIRS = {
    **{f"noise {seed}": noise(seed, 23, 31) for seed in range(3)},
    **{f"product {seed}": tuple(picture[::5, ::5] for picture in product(seed)) for seed in range(5)},
    "levels of exactly a tenth": (np.arange(0, 256, 51, dtype=np.uint8).repeat(12).reshape(8, 9),) * 2,
    "nothing in common": (np.eye(9, dtype=np.uint8) * 255, (1 - np.eye(9, dtype=np.uint8)) * 255),
    "nothing at all": (np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8)),
}
EACH = pytest.mark.parametrize(("matte", "truth"), PAIRS.values(), ids=PAIRS)


def steepness(picture: Bytes) -> np.ndarray:
    """Gradient magnitude by the two-dimensional kernel, pixel by pixel, with the frame repeated."""
    sigma, half = 1.4, 4
    at = range(-half, half + 1)
    kernel = np.array([[-x * np.exp(-(x * x + y * y) / (2 * sigma**2)) for x in at] for y in at])
    kernel /= np.sqrt((kernel**2).sum())
    framed = np.pad(picture / 255, half, mode="edge")
    out = np.zeros(picture.shape)
    for row, column in np.ndindex(*picture.shape):
        window = framed[row : row + 2 * half + 1, column : column + 2 * half + 1]
        out[row, column] = np.hypot((window * kernel).sum(), (window * kernel.T).sum())
    return out


def largest_part(mask: np.ndarray) -> set[tuple[int, int]]:
    """The largest 4-connected part by flood fill; the first one of several."""
    left, best = {(int(y), int(x)) for y, x in np.argwhere(mask)}, set[tuple[int, int]]()
    for start in sorted(left):
        if start not in left:
            continue
        part, edge = {start}, deque([start])
        left.discard(start)
        while edge:
            y, x = edge.popleft()
            for spot in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if spot in left:
                    left.discard(spot)
                    part.add(spot)
                    edge.append(spot)
        best = part if len(part) > len(best) else best
    return best


def connectivity(matte: Bytes, truth: Bytes) -> float:
    """Rhemann's connectivity error, one pixel and level at a time, in integers so that no level is missed."""
    parts = [largest_part((matte * 10.0 >= 255 * step) & (truth * 10.0 >= 255 * step)) for step in range(1, 11)]
    total = 0.0
    for spot in np.ndindex(*matte.shape):
        level = next((step for step, part in enumerate(parts) if spot not in part), 10) / 10
        excess = [float(picture[spot]) / 255 - level for picture in (matte, truth)]
        one, other = (1 - (over if over >= 0.15 else 0) for over in excess)
        total += abs(one - other)
    return total / 1000


@EACH
def test_sad_and_mse_are_sums_over_all_pixels(matte: Bytes, truth: Bytes) -> None:
    """SAD is in thousands, and MSE is a mean."""
    off = [(int(one) - int(other)) / 255 for one, other in zip(matte.flat, truth.flat, strict=True)]
    assert sum_of_absolute_differences(plane(matte), plane(truth)) == pytest.approx(sum(map(abs, off)) / 1000, abs=1e-6)
    assert mean_squared_error(plane(matte), plane(truth)) == pytest.approx(
        sum(one**2 for one in off) / len(off), abs=1e-7
    )


@EACH
def test_the_gradient_error_matches_the_slow_one(matte: Bytes, truth: Bytes) -> None:
    """It is the sum of squared differences of magnitudes, in thousands."""
    expected = float(((steepness(matte) - steepness(truth)) ** 2).sum()) / 1000
    assert gradient_error(plane(matte), plane(truth)) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@EACH
def test_the_connectivity_error_matches_the_slow_one(matte: Bytes, truth: Bytes) -> None:
    """Levels are tenths, the largest common part counts, and θ is 0.15."""
    assert connectivity_error(plane(matte), plane(truth)) == pytest.approx(
        connectivity(matte, truth), rel=1e-5, abs=1e-9
    )


def test_an_island_is_mainly_a_connectivity_error() -> None:
    """A part apart from the product is disconnected by all of its alpha, and one at its rim by little."""
    truth = np.zeros((60, 60), np.float32)
    truth[10:40, 10:40] = 1
    rim, island = truth.copy(), truth.copy()
    rim[40:42, 10:40] = 1
    island[50:52, 10:40] = 1
    assert sum_of_absolute_differences(rim, truth) == sum_of_absolute_differences(island, truth)
    assert connectivity_error(rim, truth) == connectivity_error(island, truth) == pytest.approx(0.06)
    faint = np.where(truth == 1, np.float32(0.9), truth)
    assert connectivity_error(faint, truth) == 0.0
    assert sum_of_absolute_differences(faint, truth) == pytest.approx(0.09)


def test_a_perfect_matte_has_the_best_value_of_every_metric() -> None:
    """Every metric at once, at its best."""
    truth = plane(product(0)[1])
    scores, _ = judge(truth, truth)
    assert (scores.mae, scores.sad, scores.mse, scores.connectivity) == (0, 0, 0, 0)
    assert scores.gradient == pytest.approx(0, abs=1e-12)
    best = (scores.f1, scores.max_f, scores.adaptive_f, scores.s_measure, scores.weighted_f, scores.iou)
    assert best == pytest.approx((1,) * 6, abs=1e-9)
    assert scores.max_e == pytest.approx(1, abs=1e-4)
