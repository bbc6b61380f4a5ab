"""A budget of images and time: whichever is used up first counts, and the learning rate always reaches its end."""

from __future__ import annotations

import pytest

from cutouts.training.batches.schedule import PHASES, WARM_UP, Budget, Phase, parse_phases, phase, rate


@pytest.mark.parametrize(
    ("images", "seconds", "expected"), [(0, 0, 0), (50, 0, 0.5), (0, 30, 0.5), (20, 45, 0.75), (500, 1, 1)]
)
def test_progress_is_the_larger_share(images: int, seconds: float, expected: float) -> None:
    """It is of images or of time, and never more than one."""
    assert Budget(images=100, seconds=60).progress(images, seconds) == pytest.approx(expected)


@pytest.mark.parametrize(("images", "seconds"), [(0, 10), (10, 0), (-1, 5)])
def test_a_plan_without_images_or_time_is_refused(images: int, seconds: float) -> None:
    """Such a budget would be used up before it begins."""
    with pytest.raises(ValueError, match="needs images and time"):
        Budget(images=images, seconds=seconds)


def test_input_sizes_grow_to_the_serving_size() -> None:
    """They never shrink, are multiples of the network's stride of 32, and end at the size in production."""
    sizes = [stretch.size for stretch in PHASES]
    assert sizes == sorted(sizes)
    assert all(size % 32 == 0 for size in sizes)
    assert PHASES[-1] == phase(1.0)


def test_the_phase_follows_progress() -> None:
    """A phase ends at its share."""
    phases = (Phase(until=0.5, size=32, batch=4), Phase(until=1.0, size=64, batch=2))
    assert phase(0.49, phases).size == 32
    assert phase(0.5, phases).size == 64


def test_phases_are_read_from_the_command_line() -> None:
    """They are share, size and batch, separated by colons."""
    assert parse_phases("0.5:32:4,1:64:2") == (Phase(until=0.5, size=32, batch=4), Phase(until=1.0, size=64, batch=2))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0.5:64:4,0.9:64:2", "end at 1"),
        ("0.5:64:4,0.4:64:2,1:64:2", "must rise"),
        ("1:100:2", "multiple of 32"),
    ],
)
def test_invalid_phases_are_refused(text: str, problem: str) -> None:
    """They are refused before the first image is decoded."""
    with pytest.raises(ValueError, match=problem):
        parse_phases(text)


def test_the_learning_rate_warms_up_peaks_and_ends_small() -> None:
    """It is linear at first, nearly one at its peak, and less than one per cent at the end."""
    assert rate(0.0) < 0.01
    assert rate(WARM_UP) == pytest.approx(1.0, abs=0.01)
    assert rate(0.5) == pytest.approx(0.5, abs=0.01)
    assert 0 < rate(1.0) < 0.01
