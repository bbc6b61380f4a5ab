"""Where the product is in the frame, and how large the frame is."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.renditions.placing import Box, Placement, place, product_box
from cutouts.core.renditions.rendition import parse_renditions

TALL = Box(left=100, top=50, width=400, height=800)


def placed(box: Box = TALL, **table: object) -> Placement:
    """The placement of a box in a rendition."""
    return place(box, parse_renditions({"it": table}, "here")["it"])


def fill(placement: Placement) -> float:
    """The share of the frame that the product takes, along the side on which it takes more."""
    target = placement.target
    return max(target.width / placement.width_px, target.height / placement.height_px)


@pytest.mark.parametrize("size", [(300, 300), (300, 900), (900, 300), (77, 123)])
def test_an_exact_frame_is_filled_as_asked(size: tuple[int, int]) -> None:
    """The frame has exactly the size, and the product takes its share, with its own proportions."""
    one = placed(width_px=size[0], height_px=size[1], fill=0.8)
    assert (one.width_px, one.height_px) == size
    assert fill(one) == pytest.approx(0.8, abs=1 / min(size))
    assert one.target.height / one.target.width == pytest.approx(2, rel=0.05)


def test_a_small_product_is_not_enlarged_unless_asked() -> None:
    """An exact frame is then less full, and a note says so; a frame with a longest side is smaller."""
    exact = placed(width_px=2000, height_px=2000, fill=0.8)
    assert (exact.target.width, exact.target.height) == (400, 800)
    assert "40% of the frame instead of 80%" in exact.notes[0]
    most = placed(aspect="1:1", max_side_px=2000, fill=0.8)
    assert (most.width_px, most.height_px, most.target.height) == (1000, 1000, 800)
    assert "1000×1000 px" in most.notes[0]
    enlarged = placed(aspect="1:1", max_side_px=2000, fill=0.8, enlarge=True)
    assert (enlarged.width_px, enlarged.target.height, enlarged.notes) == (2000, 1600, ())


def test_a_crop_has_the_same_margin_on_every_side() -> None:
    """Without an aspect, the margin in px is the same everywhere."""
    one = placed(margin=0.1)
    assert (one.width_px, one.height_px) == (600, 1000)
    assert (one.target.left, one.target.top) == (100, 100)


@pytest.mark.parametrize(
    ("position", "corner"),
    [("centre", (300, 100)), ("bottom", (300, 100)), ("left", (100, 100)), ("top-right", (500, 100))],
)
def test_a_position_keeps_the_margin(position: str, corner: tuple[int, int]) -> None:
    """At a side, the product keeps the margin that fill leaves; otherwise it is in the middle."""
    one = placed(width_px=1000, height_px=1000, fill=0.8, position=position)
    assert (one.target.left, one.target.top) == corner


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 0, 1, 5000), (3, 4, 7, 5), (0, 0, 8000, 2)])
@pytest.mark.parametrize(
    "table", [{"aspect": "1:1", "max_side_px": 33}, {"width_px": 10, "height_px": 3}, {"fill": 0.3}]
)
def test_the_product_is_always_inside_the_frame(box: tuple[int, int, int, int], table: dict[str, object]) -> None:
    """However thin or small it is, it has at least a pixel, and none outside."""
    left, top, width, height = box
    one = placed(Box(left=left, top=top, width=width, height=height), **table)
    assert one.target.width >= 1
    assert one.target.height >= 1
    assert 0 <= one.target.left <= one.width_px - one.target.width
    assert 0 <= one.target.top <= one.height_px - one.target.height


def test_the_box_is_of_what_can_be_seen() -> None:
    """Pixels of next to no alpha do not count; an empty cutout has no box."""
    alpha = np.zeros((40, 60), np.uint8)
    assert product_box(alpha) is None
    alpha[0, 0], alpha[10:20, 30:50] = 3, 200
    assert product_box(alpha) == Box(left=30, top=10, width=20, height=10)
