"""The number of threads follows the free capacity of a busy machine."""

from __future__ import annotations

import pytest

from cutouts.training.loop.threads import WINDOW, Pace, threads


@pytest.mark.parametrize(
    ("now", "granted", "expected"),
    [(2, 1.9, 2), (2, 1.3, 2), (2, 0.9, 1), (1, 0.3, 1), (1, 0.7, 1), (1, 1.0, 2)],
)
def test_threads_follow_the_granted_capacity(now: int, granted: float, expected: int) -> None:
    """Starved threads become fewer, sated ones more, and in between nothing changes."""
    assert threads(now, 2, granted) == expected


def test_threads_never_exceed_the_maximum() -> None:
    """This holds however idle the machine is."""
    assert threads(4, 4, 4.0) == 4


def test_a_whole_window_passes_before_a_change() -> None:
    """Short noise does not toggle the number."""
    pace = Pace(2)
    assert [pace.after_step() for _ in range(WINDOW - 1)] == [2] * (WINDOW - 1)
