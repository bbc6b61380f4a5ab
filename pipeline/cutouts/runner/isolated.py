"""Works on an item that has ended a process: part by part, in a separate process beside the worker."""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar

import psutil

from cutouts.core.rejection_reasons import RejectionReason
from cutouts.runner.child import Child, EndedError
from cutouts.runner.child_process import Task
from cutouts.runner.work import Work, one_by_one
from cutouts.stages.memory_budget import Memory

T = TypeVar("T")
R = TypeVar("R")

_SHARE = 0.95
"""Share of a worker's memory that it and its child may use together; above it, Dask's nanny ends a worker."""
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
            return [self._result(part, children, memory) for part in one_by_one(self.item)]

    def _result(self, part: T, children: _Children, memory: Memory) -> R:
        try:
            result: R = children.do(part)
        except EndedError as end:
            if end.verdict.reason is RejectionReason.TOO_SLOW:
                return self.work.blamed(part, end.verdict)
            return self._result_alone(part, children, memory)
        return result

    def _result_alone(self, part: T, children: _Children, memory: Memory) -> R:
        with memory.all_of_it():
            try:
                result: R = children.do(part)
            except EndedError as end:
                return self.work.blamed(part, end.verdict)
        return result


class _Children:
    """The process for the next part: the last one, or a new one if that has ended."""

    def __init__(self, work: Work[Any, Any], memory_limit: int) -> None:
        self._task = Task(work=work, memory_limit=memory_limit)
        self._child: Child | None = None

    def __enter__(self) -> _Children:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.close()

    def do(self, part: Any) -> Any:
        """The result of the work on a part. Raises the errors of the work, and EndedError if the process ended."""
        if self._child is None:
            self._child = Child(self._task)
        try:
            return self._child.ask(part).get()
        except EndedError:
            self._child = None
            raise
