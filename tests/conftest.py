"""Services that tests of several folders share, started only when asked for."""

from __future__ import annotations

import os

import pytest

from tests.browser import browser, open_page
from tests.dask_cluster import standing_scheduler
from tests.faulty_s3 import proxy
from tests.postgres import postgres_url
from tests.quick_suite import quick_suite
from tests.real_weights import u2netp_file
from tests.s3 import bucket, s3_server

__all__ = [
    "browser",
    "bucket",
    "open_page",
    "postgres_url",
    "proxy",
    "quick_suite",
    "s3_server",
    "standing_scheduler",
    "u2netp_file",
]

_MAY_BE_MISSING = ("PyTorch", "this machine has")
"""Skips that CI allows: the training has a separate environment, and a machine with a GPU cannot test its absence."""

_QUICK = ("tests/core/", "tests/docs/", "tests/metrics/")
"""Folders whose files take seconds. They come last, so that no worker is left with a long file at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests come last; the order is the same otherwise."""
    items.sort(key=lambda item: item.nodeid.startswith(_QUICK))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure, because everything it needs should be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    skipped = [str(report.longrepr) for report in reporter.stats.get("skipped", [])]
    unexpected = [reason for reason in skipped if not any(words in reason for words in _MAY_BE_MISSING)]
    if unexpected:
        reporter.write_line("skipped, and so failed, in CI: " + "; ".join(unexpected), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
