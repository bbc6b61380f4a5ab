"""A passed deadline ends a worker's process, whatever it is doing, and no other process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from cutouts.stages.deadline import deadlines
from tests.waiting import PATIENCE

START = "import ctypes, threading, time; from cutouts.stages.deadline import deadlines; deadlines.arm()\n"


def status(script: str) -> int:
    """The exit status of a process that may be ended."""
    return subprocess.run([sys.executable, "-c", START + script], check=False, timeout=PATIENCE).returncode


def test_a_call_that_holds_the_interpreter_lock_is_ended() -> None:
    """No Python thread could end it, because the call never returns."""
    script = "with deadlines.within(0.2): ctypes.PyDLL(None).sleep(600)"
    assert status(script) == -signal.SIGALRM


def test_the_earliest_of_several_threads_counts() -> None:
    """A thread with time left does not delay another one's deadline, and a finished one no longer counts."""
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
            [sys.executable, "-c", START + script.format(last)],
            check=False,
            timeout=PATIENCE,
            capture_output=True,
            text=True,
        )
        assert (run.stdout, run.returncode) == ("still here\n", ended), run.stderr


def test_work_that_ends_in_time_leaves_no_deadline() -> None:
    """This holds even if it raised."""
    script = """
with deadlines.within(0.3): pass
try:
    with deadlines.within(0.3): raise KeyError
except KeyError:
    time.sleep(1)
"""
    assert status(script) == 0


def test_a_process_that_is_not_a_worker_is_left_alone() -> None:
    """A person's own program, or a loop in it, may take any time."""
    with deadlines.within(0.05):
        time.sleep(0.2)
