"""Leases of a site: shared or exclusive, and released when their process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.core.errors import TransientError

ROOT = Path(__file__).parents[3]
_WORKS = """
import sys
from cutouts.adapters.catalog import Catalog
with Catalog.open(sys.argv[1]) as catalog, catalog.lease(alone=False):
    print("works", flush=True)
    sys.stdin.read()
"""


def test_an_exclusive_lease_is_refused_while_shared_ones_are_held(catalog: Catalog, url: str) -> None:
    """The caller is asked to try again until both shared leases have ended."""
    with Catalog.open(url) as other:
        busy = pytest.raises(TransientError, match="something runs on this site")
        with catalog.lease(alone=False), other.lease(alone=False), busy, other.lease(alone=True):
            pass
        with other.lease(alone=True), pytest.raises(TransientError), catalog.lease(alone=True):
            pass
        with catalog.lease(alone=True):
            pass


def test_a_shared_lease_waits_for_an_exclusive_one_to_end(catalog: Catalog, url: str) -> None:
    """A step that starts meanwhile waits and then works."""
    worked = Event()

    def work() -> None:
        with Catalog.open(url) as mine, mine.lease(alone=False):
            worked.set()

    with catalog.lease(alone=True):
        worker = Thread(target=work)
        worker.start()
        assert not worked.is_set()
    worker.join()
    assert worked.is_set()


def test_a_killed_process_holds_no_lease(catalog: Catalog, url: str) -> None:
    """After kill -9 the next exclusive lease is granted at once, or as soon as the server has noticed."""
    command = [sys.executable, "-c", _WORKS, url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "works\n"
        with pytest.raises(TransientError), catalog.lease(alone=True):
            pass
        process.send_signal(signal.SIGKILL)
    while True:
        try:
            with catalog.lease(alone=True):
                return
        except TransientError:
            continue
