"""Works on an item that has ended a process: part by part, in a separate process beside the worker."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

import psutil
from distributed.protocol.pickle import dumps

from cutouts.core.errors import CutoutsError, ImageRejected, TransientError
from cutouts.core.records import RejectionReason
from cutouts.runner.child_process import Reply, Task
from cutouts.runner.work import Work
from cutouts.stages import deadline
from cutouts.stages.memory_budget import Memory

T = TypeVar("T")
R = TypeVar("R")

_SHARE = 0.95
"""Share of a worker's memory that it and its child may use together; above it, Dask's nanny ends a worker."""
_LOOK_SECONDS = 0.1
"""How often a child's memory is checked (s)."""
_one_at_a_time = threading.Lock()


class Isolated(Generic[T, R]):
    """Works on the parts of an item, one after the other, and returns their results.

    A part that ends its process is tried once more while nothing else runs on this worker, and blamed only if it ends
    that process too: before, other images may have contributed to the failure. A part that took too long is blamed at
    once. Raises TransientError if a process ends before it received a part.
    """

    def __init__(self, work: Work[T, R], item: T) -> None:
        self.work, self.item = work, item

    def __call__(self, memory: Memory, memory_limit: int) -> list[R]:
        """The results of all parts. The worker's images share `memory`, and the whole worker may use `memory_limit`
        B."""
        left = max(memory_limit // 2, int(_SHARE * memory_limit) - psutil.Process().memory_info().rss)
        with _one_at_a_time, _Children(self.work, left) as children:
            return [self._result(part, children, memory) for part in self.work.parts(self.item)]

    def _result(self, part: T, children: _Children, memory: Memory) -> R:
        try:
            result: R = children.do(part)
        except _EndedError as end:
            if end.verdict.reason is RejectionReason.TOO_SLOW:
                return self.work.blamed(part, end.verdict)
            return self._result_alone(part, children, memory)
        return result

    def _result_alone(self, part: T, children: _Children, memory: Memory) -> R:
        with memory.all_of_it():
            try:
                result: R = children.do(part)
            except _EndedError as end:
                return self.work.blamed(part, end.verdict)
        return result


class _Children:
    """The process for the next part: the last one, or a new one if that has ended."""

    def __init__(self, work: Work[Any, Any], memory_limit: int) -> None:
        self._task = Task(work=work, memory_limit=memory_limit)
        self._child: _Child | None = None

    def __enter__(self) -> _Children:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.close()

    def do(self, part: Any) -> Any:
        """The result of the work on a part. Raises the errors of the work, and _EndedError if the process ended."""
        if self._child is None:
            self._child = _Child(self._task)
        try:
            return self._child.ask(part).get()
        except _EndedError:
            self._child = None
            raise


class _EndedError(CutoutsError):
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


class _Child:
    """One process. Raises TransientError if it ends before it is ready, and the error of its trial."""

    def __init__(self, task: Task) -> None:
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from cutouts.runner.child_process import main; main({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._connection: Connection = ours
        self._most = task.memory_limit
        try:
            self.ask(task).get()
        except _EndedError as end:
            raise TransientError(f"a process for single images ended before it received one: {end.words()}") from None
        except BaseException:
            self.close()
            raise

    def ask(self, thing: object) -> Reply:
        """Send something and wait for the answer. Raises _EndedError if the process ends or uses too much memory."""
        try:
            self._connection.send_bytes(dumps(thing))
            while not self._connection.poll(_LOOK_SECONDS):
                self._look_at_memory()
            answer: Reply = pickle.loads(self._connection.recv_bytes())
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            raise _EndedError(self._process.wait(), None) from None
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _look_at_memory(self) -> None:
        try:
            used = psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:
            return
        if used > self._most:
            self.close()
            raise _EndedError(-signal.SIGKILL, used)
