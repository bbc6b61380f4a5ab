"""How busy the cores and GPUs of this machine are while something runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean

import psutil

from cutouts.runner.gpus import gpu_load

_EVERY_SECONDS = 0.2


class MachineLoad:
    """Shares of the time, 0…1, of the cores and of the GPUs; `gpus` is None if there is none to look at.

    They are those of the whole machine: other programs count too.
    """

    def __init__(self) -> None:
        self._cores: list[float] = []
        self._gpus: list[float] = []

    @property
    def cores(self) -> float:
        """The share in which the cores worked."""
        return fmean(self._cores)

    @property
    def gpus(self) -> float | None:
        """The share in which the GPUs worked."""
        return fmean(self._gpus) if self._gpus else None

    def look(self, gpus: Callable[[], Sequence[float]]) -> None:
        """Note the load since the last look."""
        self._cores.append(psutil.cpu_percent() / 100)
        self._gpus.extend(gpus())


@contextmanager
def machine_load(gpus: Callable[[], Sequence[float]] = gpu_load) -> Iterator[MachineLoad]:
    """The load inside this block, which is complete after it. `gpus` returns the load of each GPU."""
    load, over = MachineLoad(), threading.Event()
    psutil.cpu_percent()

    def watch() -> None:
        while not over.wait(_EVERY_SECONDS):
            load.look(gpus)

    watcher = threading.Thread(target=watch, name="machine load", daemon=True)
    watcher.start()
    try:
        yield load
    finally:
        over.set()
        watcher.join()
        load.look(gpus)
