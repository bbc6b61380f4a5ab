"""Measurements without ground truth, on drawn shapes with known answers."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pytest

from cutouts.core.mask_metrics import Measurements
from cutouts.core.matting import measurements
from cutouts.core.matting.matte import alpha_bytes
from cutouts.core.matting.measurements import measure
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.schemas.tables import METRICS

Box = tuple[int, int, int, int]


def boxes(*corners: Box, size: int = 400) -> Floats:
    """A square matte of hard boxes: left, top, right, bottom."""
    plane = np.zeros((size, size), np.float32)
    for left, top, right, bottom in corners:
        plane[top:bottom, left:right] = 1.0
    return plane


def shown(matte: Floats, product: tuple[int, int, int] = (180, 40, 40), ground: int = 240) -> Bytes:
    """A photograph whose product matches the matte exactly."""
    mixed = matte[..., None] * np.array(product, np.float32) + (1 - matte[..., None]) * ground
    return np.asarray(np.rint(mixed), np.uint8)


def measured(matte: Floats, rgb: Bytes | None = None) -> Measurements:
    """The measurements of a matte that is also its saliency."""
    return measure(matte, Photograph(rgb=shown(matte) if rgb is None else rgb), alpha_bytes(matte))


def test_the_fields_are_the_columns_of_the_metrics_table() -> None:
    """Their order is the same."""
    names = [field.name for field in dataclasses.fields(Measurements)]
    assert names == METRICS.names[-len(names) :]


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (2, 900), (700, 500)])
def test_every_measurement_is_defined(value: float, shape: tuple[int, int]) -> None:
    """Empty, faint and full mattes of any size give numbers and never NaN."""
    matte = np.full(shape, value, np.float32)
    numbers = dataclasses.astuple(measured(matte, np.zeros((*shape, 3), np.uint8)))
    assert all(math.isfinite(number) for number in numbers)
    assert all(type(number) in (int, float) for number in numbers)


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (3, 5000), (1, 1)])
@pytest.mark.parametrize("said", ["all", "nothing", "noise"])
@pytest.mark.parametrize("matte", ["empty", "full", "one pixel", "noise"])
def test_shares_stay_within_0_and_1(shape: tuple[int, int], said: str, matte: str) -> None:
    """Also for images of one row, whatever the network says: a mean of ones is above 1 by rounding."""
    rng = np.random.default_rng(0)
    pixel = np.zeros(shape, np.uint8)
    pixel[shape[0] // 2, shape[1] // 2] = 255
    full, noise = np.full(shape, 255, np.uint8), rng.integers(0, 256, shape, np.uint8)
    mattes: dict[str, Bytes] = {"empty": np.zeros(shape, np.uint8), "full": full, "one pixel": pixel, "noise": noise}
    network = {"all": np.ones((352, 352)), "nothing": np.zeros((352, 352)), "noise": rng.random((352, 352))}[said]
    photograph = Photograph(rgb=rng.integers(0, 256, (*shape, 3), np.uint8))
    found = dataclasses.asdict(measure(network.astype(np.float32), photograph, mattes[matte]))
    beyond = [name for name, value in found.items() if name not in ("components", "fringe") and not 0 <= value <= 1]
    assert beyond == []


def test_an_empty_matte_has_only_one_fault() -> None:
    """Only the coverage shows that nothing was found, and no other metric adds a finding."""
    empty = measured(boxes())
    assert empty.coverage == 0
    assert empty.components == 0
    assert (empty.soft_inside, empty.frame_contact, empty.fringe, empty.edge_alignment) == (0, 0, 0, 1)


def test_a_full_matte_touches_the_whole_frame() -> None:
    """It covers everything, is one part, and touches the frame all round."""
    full = measured(np.ones((300, 200), np.float32))
    assert (full.coverage, full.components, full.frame_contact, full.edge_alignment) == (1, 1, 1, 1)


def test_a_box_on_its_edges_is_faultless() -> None:
    """A hard box exactly on the drawn one is aligned, solid, one part, clear of the frame and without fringe."""
    good = measured(boxes((100, 100, 300, 300)))
    assert good.coverage == pytest.approx(0.25)
    assert good.components == 1
    assert (good.soft_inside, good.frame_contact) == (0, 0)
    assert good.edge_alignment == 1
    assert good.fringe < 1


def test_the_peak_is_of_the_raw_probability_and_ignores_specks() -> None:
    """One bright value in four thousand is not a product, and a faint field keeps its mean."""
    saliency = np.full((64, 64), 0.05, np.float32)
    saliency[3, 3] = 1.0
    found = measure(saliency, Photograph(rgb=np.zeros((90, 90, 3), np.uint8)), alpha_bytes(boxes(size=90)))
    assert found.saliency_peak == pytest.approx(0.05)
    assert found.saliency_mean == pytest.approx(0.05, abs=1e-3)


def test_a_soft_rim_does_not_count_as_a_soft_inside() -> None:
    """Hair and glass may be soft near the contour, but haze in the middle is counted."""
    rim = np.asarray(cv2.GaussianBlur(boxes((100, 100, 300, 300)), (0, 0), 2.0), np.float32)
    hazy = boxes((100, 100, 300, 300))
    hazy[150:250, 150:250] = 0.6
    assert measured(rim).soft_inside == 0
    assert measured(hazy).soft_inside == pytest.approx(100**2 / 184**2, rel=0.05)


def test_a_faint_product_is_soft_throughout() -> None:
    """Haze that is below one half everywhere counts too."""
    assert measured(0.3 * boxes((100, 100, 300, 300))).soft_inside == 1


def test_parts_of_notable_size_are_counted() -> None:
    """Three boxes are three parts, and a speck is not one."""
    assert measured(boxes((20, 20, 120, 120), (200, 20, 300, 120), (100, 250, 200, 350))).components == 3
    assert measured(boxes((20, 20, 220, 220), (300, 300, 305, 305))).components == 1


def test_a_product_cut_by_the_frame_touches_it() -> None:
    """A box over half of the lower frame touches an eighth of the whole frame."""
    assert measured(boxes((100, 200, 300, 400))).frame_contact == pytest.approx(1 / 8, rel=0.02)


def test_a_contour_away_from_the_edges_is_not_aligned() -> None:
    """The same box is moved by 12 px."""
    moved = measured(boxes((112, 112, 312, 312)), shown(boxes((100, 100, 300, 300))))
    assert moved.edge_alignment < 0.1


def test_a_rim_of_background_is_a_fringe() -> None:
    """A matte half a per cent of the side too wide has the background's colour in its rim."""
    narrow, wide = (100, 100, 300, 300), (98, 98, 302, 302)
    ground = measured(boxes(wide), shown(boxes(narrow))).fringe
    assert ground > 30
    assert ground > 30 * measured(boxes(narrow)).fringe


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_measurements_do_not_depend_on_the_size(factor: int) -> None:
    """The same scene at a larger size gives similar values."""
    corners = (100 * factor, 100 * factor, 300 * factor, 260 * factor)
    found = measured(boxes(corners, size=400 * factor))
    assert found.coverage == pytest.approx(0.2)
    assert found.components == 1
    assert found.edge_alignment > 0.95
    assert found.soft_inside == 0


def test_a_certain_matte_has_no_doubt_and_haze_has_much() -> None:
    """A hard box has no doubt; one half everywhere in it does, in network, matte and worst region."""
    hard, haze = measured(boxes((100, 100, 300, 300))), measured(boxes((100, 100, 300, 300)) * np.float32(0.5))
    assert (hard.saliency_doubt, hard.matte_doubt) == pytest.approx((0, 0), abs=0.01)
    assert haze.saliency_doubt == pytest.approx(1 / 3, abs=0.01)
    assert haze.worst_doubt == pytest.approx(1, abs=0.01)
    assert hard.worst_doubt < 0.5


def test_islands_are_everything_outside_of_the_largest_part() -> None:
    """A box a sixth as large as the other holds a seventh of the matte, and an empty matte has no islands."""
    assert measured(boxes((50, 50, 250, 200), (300, 300, 350, 400))).islands == pytest.approx(1 / 7, abs=0.01)
    assert measured(boxes((100, 100, 300, 300))).islands == 0
    assert measured(boxes()).islands == 0


def test_a_pole_is_thin_and_a_box_is_not() -> None:
    """All of a pole is close to its contour, and little of a box is."""
    assert measured(boxes((198, 20, 203, 380))).thin == 1
    assert measured(boxes((100, 100, 300, 300))).thin < 0.1
    assert measured(boxes()).thin == 0


@pytest.mark.parametrize("smooth", [0.5, 1.5, 4.0])
def test_thin_is_what_is_less_than_three_pixels_from_the_contour(smooth: float) -> None:
    """By the distance transform of Borgefors, which takes longer than our way; beyond the frame there is no contour."""
    noise = cv2.GaussianBlur(np.random.default_rng(4).random((200, 256), np.float32), (0, 0), smooth)
    matte = (noise > np.median(noise)).astype(np.float32)
    product = matte.astype(np.uint8)
    close = (product > 0) & (cv2.distanceTransform(product, cv2.DIST_L2, 3) < 3)
    assert measured(matte).thin == np.count_nonzero(close) / np.count_nonzero(product)


@pytest.mark.parametrize("levels", [2, 7, 1_000_000])
@pytest.mark.parametrize("shape", [(512, 512), (127, 301), (5, 3), (1, 1)], ids=str)
def test_the_peak_is_the_percentile_whatever_the_values(levels: int, shape: tuple[int, int]) -> None:
    """It is found among the highest values only, and is the same as that of all: with many equal values, and few."""
    saliency = (np.random.default_rng(6).integers(0, levels, shape) / levels).astype(np.float32)
    some = np.sort(saliency[::2, ::2], axis=None)
    found = measure(saliency, Photograph(rgb=np.zeros((9, 9, 3), np.uint8)), alpha_bytes(boxes(size=90))[:9, :9])
    assert found.saliency_peak == some[int(0.999 * (some.size - 1))]


def test_a_part_that_the_matte_lacks_was_left_behind() -> None:
    """Its share of the whole product, without its rim, if the background is plain. A shadow is not part of it."""
    whole = boxes((100, 100, 300, 300))
    lacking = boxes((100, 100, 300, 250))
    photograph = shown(whole)
    assert measured(lacking, photograph).left_behind == pytest.approx(0.25, abs=0.08)
    assert measured(whole, photograph).left_behind == 0
    photograph[300:340, 120:280] = 170  # of 240
    assert measured(whole, photograph).left_behind == 0


def test_background_within_the_matte_was_taken_along() -> None:
    """Beside the product, or in a hole that is not open; open holes are counted apart."""
    square, ring = boxes((100, 100, 300, 300)), boxes((100, 100, 300, 300)) - boxes((150, 150, 250, 250))
    filled, opened = measured(square, shown(ring)), measured(ring)
    assert filled.filled_holes == pytest.approx(0.25, abs=0.08)
    assert filled.taken_along == filled.filled_holes
    assert (filled.holes, opened.filled_holes, opened.taken_along) == (0, 0, 0)
    assert opened.holes == pytest.approx(0.25, abs=0.02)
    beside = measured(boxes((100, 100, 300, 350)), shown(square))
    assert beside.taken_along == pytest.approx(0.2, abs=0.06)
    assert beside.filled_holes == 0


def test_a_shadow_within_the_matte_is_seen() -> None:
    """It has the colour of the background with less light. A grey product with a contour of its own is none."""
    square = boxes((100, 100, 300, 300))
    photograph = shown(square)
    photograph[300:350, 100:300] = 170
    assert measured(boxes((100, 100, 300, 350)), photograph).shadow == pytest.approx(0.2, abs=0.04)
    assert measured(square, photograph).shadow == 0


def test_nothing_is_compared_with_a_background_that_is_not_known() -> None:
    """In a busy scene, everything differs from a smooth field."""
    square = boxes((100, 100, 300, 300))
    busy = np.random.default_rng(3).integers(0, 256, (20, 20, 3), np.uint8)
    photograph = np.asarray(cv2.resize(busy, (400, 400), interpolation=cv2.INTER_NEAREST), np.uint8)
    found = measured(square, photograph)
    assert found.background_known < 0.6 < measured(square).background_known
    assert (found.left_behind, found.taken_along, found.filled_holes, found.shadow) == (0, 0, 0, 0)


def test_a_ragged_contour_is_rough() -> None:
    """Compared with the same product, smoothed."""
    ragged = boxes((100, 100, 300, 300), *((left, 90, left + 6, 100) for left in range(100, 300, 12)))
    assert measured(ragged).roughness > 2 * measured(boxes((100, 100, 300, 300))).roughness


def test_a_strap_that_leaves_the_matte_is_an_edge_outside() -> None:
    """It is too thin to be counted as left behind."""
    bag = boxes((100, 200, 300, 350))
    strapped = shown(np.maximum(bag, boxes((140, 60, 146, 200), (260, 60, 266, 200))))
    assert measured(bag, strapped).edges_outside > measured(bag).edges_outside == 0


def drawn(seed: int) -> Bytes:
    """A matte of a few soft and hard shapes, some of them at the frame."""
    random = np.random.default_rng(seed)
    alpha = np.zeros((int(random.integers(40, 400)), int(random.integers(40, 400))), np.uint8)
    for _ in range(random.integers(1, 5)):
        centre = int(random.integers(alpha.shape[1])), int(random.integers(alpha.shape[0]))
        radius, value = int(random.integers(1, 90)), int(random.integers(60, 256))
        cv2.circle(alpha, centre, radius, value, int(random.choice([-1, 5])))
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), random.uniform(0.3, 4)), np.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_far_from_the_product_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every measurement is the same to the bit, whether the empty surroundings of the matte are looked at or not."""
    alpha = drawn(seed)
    rgb = np.random.default_rng(seed).integers(0, 256, (*alpha.shape, 3)).astype(np.uint8)
    saliency = alpha.astype(np.float32) / np.float32(255)
    near = measure(saliency, Photograph(rgb=rgb), alpha)
    monkeypatch.setattr(measurements, "_part", lambda _: (slice(None), slice(None)))
    assert near == measure(saliency, Photograph(rgb=rgb), alpha)


@pytest.mark.parametrize("seed", range(20))
def test_the_inside_is_what_is_far_enough_from_the_contour(seed: int) -> None:
    """As `cv2.distanceTransform` measures it."""
    filled = measurements._at_least(drawn(seed), 26)
    for beyond in (0.02, 1.0, 2.6, 5.12):
        far = cv2.distanceTransform(filled, cv2.DIST_L2, 3) > beyond
        np.testing.assert_array_equal(cv2.erode(filled, measurements._disc(beyond)) > 0, far)


def test_a_part_within_a_hole_is_a_part() -> None:
    """A frame and what it surrounds are two parts, and a frame alone is one."""
    frame = boxes((60, 60, 340, 340))
    frame[100:300, 100:300] = 0
    assert measured(frame).components == 1
    frame[180:220, 180:220] = 1
    assert measured(frame).components == 2
