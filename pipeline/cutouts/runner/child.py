"""A process for work that may end it: how it is asked, how it is watched, and what its end says about an image."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys

import psutil
from distributed.protocol.pickle import dumps

from cutouts.core.errors import CutoutsError, ImageRejected, TransientError
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.runner.channel import Channel
from cutouts.runner.child_process import Reply, Task
from cutouts.stages import deadline

_LOOK_SECONDS = 0.1
"""How often a child's memory is checked (s)."""


class EndedError(CutoutsError):
    """A child ended. `status` is like `Popen.returncode`; `grown` is its memory (B) if it was ended because it used too
    much, else None."""

    def __init__(self, status: int, grown: int | None) -> None:
        super().__init__(status, grown)
        self.status, self.grown = status, grown

    @property
    def verdict(self) -> ImageRejected:
        """The rejection of the image that the child worked on."""
        if self.grown is not None:
            return ImageRejected(
                RejectionReason.NEEDS_MEMORY,
                f"its process was stopped at {self.grown / 1e6:,.0f} MB, more than this worker has left",
            )
        if self.status == -deadline.SIGNAL:
            return ImageRejected(RejectionReason.TOO_SLOW, "longer than image_seconds allows")
        return ImageRejected(RejectionReason.CRASHED, self.words())

    def words(self) -> str:
        """How the process ended."""
        if self.status == -signal.SIGKILL:
            return "its process was killed (signal 9), most often because the machine ran out of memory"
        if self.status < 0:
            return f"its process was ended by signal {-self.status} ({signal.strsignal(-self.status)})"
        return f"its process ended with status {self.status}"


class Child:
    """One process. Raises TransientError if it ends before it is ready, and the error of its trial."""

    def __init__(self, task: Task) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from cutouts.runner.child_process import main; main({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._watched = psutil.Process(self._process.pid)
        self._channel = Channel(ours)
        self._most = task.memory_limit
        try:
            self._asked(dumps(task)).get()  # a script's own functions, too
        except EndedError as end:
            raise TransientError(f"a process for single images ended before it received one: {end.words()}") from None
        except BaseException:
            self.close()
            raise

    def ask(self, part: object) -> Reply:
        """Send a part of the work and wait for the answer. Raises EndedError if the process ends or uses too much
        memory."""
        return self._asked(pickle.dumps(part))

    def _asked(self, message: bytes) -> Reply:
        try:
            self._channel.send(message)
            while not self._channel.ready(_LOOK_SECONDS):
                self._look_at_memory()
            answer: Reply = pickle.loads(self._channel.receive())
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._channel.close()
            raise EndedError(self._process.wait(), None) from None
        return answer

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def _look_at_memory(self) -> None:
        try:
            used = self._watched.memory_info().rss
        except psutil.Error:
            return
        if used > self._most:
            self.close()
            raise EndedError(-signal.SIGKILL, used)
