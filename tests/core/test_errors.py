"""Errors as they pass between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from cutouts.core.errors import ConfigError, CutoutsError, DamagedError, ImageRejected, StorageError
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.stages.image import IdentifiedRejection

_TRUNCATED = ImageRejected(RejectionReason.TRUNCATED, "its pixels end too early", retryable=True)


@pytest.mark.parametrize(
    "error",
    [
        StorageError("the store cannot be read"),
        ConfigError("the settings are wrong", ["workers: a number", "model: unknown"]),
        DamagedError("a.png", "it has 3 B"),
        _TRUNCATED,
        IdentifiedRejection(_TRUNCATED, "abc"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_whole_in_another_process(error: CutoutsError) -> None:
    """With its text and everything else that it states. If one cannot be unpickled, a pool of processes waits for it
    forever."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
