"""What running work means, wherever it runs, and the plain loop that needs nothing else."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from cutouts.core.errors import ImageRejected, TransientError
from cutouts.runner.worker_setup import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 2
"""How often an item is tried again where trying again can help; deaths of workers are counted apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where work runs: worker processes, and the threads of all of them, each with one chunk at a time."""

    cluster: str
    workers: int
    threads: int

    @property
    def window(self) -> int:
        """Chunks in flight at the most: one at work for each thread, and one waiting at each worker."""
        return 1 if self.cluster == "serial" else max(1, self.workers + self.threads)

    def __str__(self) -> str:
        return f"{self.cluster}: workers {self.workers}, threads {self.threads} in all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Generic[T, R]):
    """A function of an item, and how to carry on with an item that ended its process.

    The item is then worked on by `parts`, each an item too, in a process of its own; a part that ends even that one has
    the result that `blamed` gives. `trial` is what a fresh process does first: what fails there is no part's fault.
    """

    function: Callable[[T], R]
    parts: Callable[[T], Sequence[T]]
    trial: Callable[[], object]
    blamed: Callable[[T, ImageRejected], R]

    def __call__(self, item: T) -> R:
        """What the function makes of an item."""
        return self.function(item)


class Runner(Protocol):
    """Maps a function over items somewhere."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `function(item)` of each item once, as they complete; for `Work`, of each part if a process ended.

        `items` are drawn only as results are taken, so that no more than `describe().window` are in flight. What
        `function` raises is raised here, once, as it was, and ends the map; TransientError is first tried again.
        Raises TransientError if workers or the scheduler were lost.
        """
        ...

    def describe(self) -> Place:
        """Where the work runs now."""
        ...


class SerialRunner:
    """One item after the other, here."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `function(item)` of each item, in order."""
        for item in items:
            yield Attempt(function, item)()

    def describe(self) -> Place:
        """This process."""
        return Place(cluster="serial", workers=1, threads=1)


class LazyRunner:
    """A runner that is opened by its first item or question."""

    def __init__(self, opening: Callable[[], Runner]) -> None:
        self._opening = opening
        self._opened: Runner | None = None

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As `Runner.map` says; no items open nothing."""
        rest = iter(items)
        for first in rest:
            yield from self._runner().map(function, itertools.chain([first], rest))

    def describe(self) -> Place:
        """As the opened runner says."""
        return self._runner().describe()

    def _runner(self) -> Runner:
        if self._opened is None:
            self._opened = self._opening()
        return self._opened


class Attempt:
    """A function and one item, called where it lands and again after TransientError.

    Dask is handed this whole, without arguments, and so never walks through the item in search of tasks.
    """

    def __init__(self, function: Callable[[T], R], item: T) -> None:
        self.call = partial(function, item)

    def __call__(self) -> Any:
        """What the function returns; its last TransientError after `RETRIES` more attempts."""
        keep_freed_memory()
        for attempt in range(RETRIES):
            try:
                return self.call()
            except TransientError:
                time.sleep(0.5 * 2**attempt)
        return self.call()
