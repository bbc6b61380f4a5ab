"""What clients are told about errors of the server itself."""

from __future__ import annotations

import logging

import pytest

from cutouts.core.errors import ImageRejected, ModelError, TransientError
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.server.problems import of_error


def test_what_is_wrong_with_the_server_is_told_to_its_log_only(caplog: pytest.LogCaptureFixture) -> None:
    """The message may name files of the machine."""
    with caplog.at_level(logging.ERROR):
        problem = of_error(ModelError("/srv/models/default.onnx does not match its digest"))
    assert (problem.status, problem.code, problem.retryable) == (500, "server_error", False)
    assert b"/srv" not in problem.body
    assert "/srv/models/default.onnx does not match its digest" in caplog.text


def test_a_rejection_and_a_passing_outage_say_what_they_are() -> None:
    """A client can do something about them."""
    rejected = of_error(ImageRejected(RejectionReason.TRUNCATED, "its pixels end too early"))
    assert (rejected.status, rejected.code, rejected.detail) == (422, "truncated", "its pixels end too early")
    passing = of_error(TransientError("no worker can be started"))
    assert (passing.status, passing.retryable, passing.headers) == (503, True, {"Retry-After": "5"})
