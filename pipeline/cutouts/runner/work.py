"""The interface of all runners, and the simplest one, which is a plain loop."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from cutouts.core.errors import ImageRejected, TransientError
from cutouts.runner.worker_setup import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 2
"""How often an item is tried again after a TransientError; deaths of workers are counted separately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where work runs: the number of worker processes, and of all their threads; a thread works on one chunk at a
    time."""

    cluster: str
    workers: int
    threads: int

    @property
    def window(self) -> int:
        """The largest number of chunks in flight: one in progress per thread, and one waiting per worker."""
        return 1 if self.cluster == "serial" else max(1, self.workers + self.threads)

    def __str__(self) -> str:
        return f"{self.cluster}: workers {self.workers}, threads {self.threads} in all"


def one_by_one(chunk: Any) -> list[Any]:
    """A chunk as parts of one image each."""
    return [(image,) for image in chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Generic[T, R]):
    """A function of an item, and how to continue with an item that ended its process.

    The item is a chunk. It is then split into parts of one image each, which are processed in a separate process. If a
    part ends that process too, its result is what `blamed` returns. A new process first runs `trial`: no part is to
    blame for a failure there.
    """

    function: Callable[[T], R]
    trial: Callable[[], object]
    blamed: Callable[[T, ImageRejected], R]

    def __call__(self, item: T) -> R:
        """The function's result for an item."""
        return self.function(item)


@runtime_checkable
class Runner(Protocol):
    """Maps a function over items somewhere."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `function(item)` of each item once, as they complete; for `Work`, of each part if the item ended a
        process.

        `items` are read only as results are taken, so that no more than `describe().window` are in flight. An error of
        `function` is raised here unchanged and ends the map; after a TransientError, the item is first tried again.
        Raises TransientError if workers or the scheduler were lost.
        """
        ...

    def describe(self) -> Place:
        """Where the work runs now."""
        ...


class SerialRunner:
    """Runs one item after the other, in this process."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `function(item)` of each item, in order."""
        for item in items:
            yield Attempt(function, item)()

    def describe(self) -> Place:
        """This process."""
        return Place(cluster="serial", workers=1, threads=1)


class LazyRunner:
    """A runner that is opened when it is first used."""

    def __init__(self, opening: Callable[[], Runner]) -> None:
        self._opening = opening
        self._opened: Runner | None = None

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As `Runner.map` says. Without items, no runner is opened."""
        rest = iter(items)
        for first in rest:
            yield from self._runner().map(function, itertools.chain([first], rest))

    def describe(self) -> Place:
        """The place of the runner, which is opened if necessary."""
        return self._runner().describe()

    def _runner(self) -> Runner:
        if self._opened is None:
            self._opened = self._opening()
        return self._opened


class Attempt:
    """A function and one item, called on the worker, and called again after a TransientError.

    Dask receives this as one callable without arguments, so it does not search the item for tasks.
    """

    def __init__(self, function: Callable[[T], R], item: T) -> None:
        self.call = partial(function, item)

    def __call__(self) -> Any:
        """The function's result. Raises its last TransientError after `RETRIES` more attempts."""
        keep_freed_memory()
        for attempt in range(RETRIES):
            try:
                return self.call()
            except TransientError:
                time.sleep(0.5 * 2**attempt)
        return self.call()
