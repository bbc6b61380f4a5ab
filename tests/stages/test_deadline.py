"""A deadline that passes ends a worker's process, whatever that is doing, and no other process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from cutouts.stages.deadline import deadlines

START = "import ctypes, threading, time; from cutouts.stages.deadline import deadlines; deadlines.arm()\n"


def status(script: str) -> int:
    """How a process that may be ended ends."""
    return subprocess.run([sys.executable, "-c", START + script], check=False, timeout=60).returncode


def test_it_ends_what_holds_the_interpreters_lock() -> None:
    """No thread of Python could do that: the call never comes back."""
    script = "with deadlines.within(0.2): ctypes.PyDLL(None).sleep(600)"
    assert status(script) == -signal.SIGALRM


def test_the_earliest_of_several_threads_counts() -> None:
    """A thread that has time left does not keep another one's deadline from passing, and one that is done is over."""
    script = """
def work(seconds, deadline):
    with deadlines.within(deadline):
        time.sleep(seconds)
threads = [threading.Thread(target=work, args=one, daemon=True) for one in ((600, 500), (0.1, 0.5), ({}, 1.5))]
for thread in threads: thread.start()
time.sleep(1.0)
print("still here", flush=True)
time.sleep(5)
"""
    for last, ended in ((600, -signal.SIGALRM), (0.1, 0)):
        run = subprocess.run(
            [sys.executable, "-c", START + script.format(last)], check=False, timeout=60, capture_output=True, text=True
        )
        assert (run.stdout, run.returncode) == ("still here\n", ended), run.stderr


def test_work_that_is_done_in_time_leaves_nothing_armed() -> None:
    """Also if it raised."""
    script = """
with deadlines.within(0.3): pass
try:
    with deadlines.within(0.3): raise KeyError
except KeyError:
    time.sleep(1)
"""
    assert status(script) == 0


def test_a_process_that_is_no_worker_is_left_alone() -> None:
    """A person's own program, or a loop in it, may take as long as it likes."""
    with deadlines.within(0.05):
        time.sleep(0.2)
