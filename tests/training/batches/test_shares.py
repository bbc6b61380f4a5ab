"""How often each kind of training image is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.training.batches import sampler
from cutouts.training.batches.schedule import Phase
from cutouts.training.batches.shares import Shares, parse_shares
from cutouts.training.data.cache import Datasets


def test_shares_are_read_from_the_command_line() -> None:
    """Those that are not named keep their defaults."""
    assert parse_shares("empty=0.1,rendered=0.5") == Shares(empty=0.1, rendered=0.5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("empty", "not NAME=SHARE"),
        ("busy=0.2", "empty, natural, rendered"),
        ("empty=1.5", "between 0 and 1"),
        ("empty=nan", "between 0 and 1"),
        ("empty=few", "few"),
        ("natural=0.7,empty=0.4", "at most 1 together"),
    ],
)
def test_invalid_shares_are_refused(text: str, problem: str) -> None:
    """The message names the value and what is allowed."""
    with pytest.raises(ValueError, match=problem):
        parse_shares(text)


def test_a_training_shows_what_its_shares_say(datasets: Datasets) -> None:
    """With only empty scenes, no image has a product; without them, every image has one."""
    phase = Phase(until=1.0, size=64, batch=16)
    empty = sampler.batch(datasets, 0, 0, phase, Shares(natural=0.0, empty=1.0))
    full = sampler.batch(datasets, 0, 0, phase, Shares(natural=0.0, empty=0.0))
    assert empty[..., 3].max() == 0
    assert np.all(full[..., 3].max((1, 2)) > 0)
