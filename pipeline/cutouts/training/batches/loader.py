"""Draws batches ahead of the steps in separate processes: one process is enough for a step on two cores, a GPU needs a
dozen."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from cutouts.core.pixels import Bytes
from cutouts.training.batches import sampler
from cutouts.training.batches.schedule import Phase
from cutouts.training.data.cache import Datasets

Draw = Callable[[Datasets, int, int, Phase], Bytes]
"""Draws the images of a step, uint8 RGBA (N, S, S, 4), from the datasets by seed and step, such as `sampler.batch`."""
AHEAD = 2
"""The number of batches that each process draws ahead."""


class BatchLoader:
    """The batches of steps `step`, `step` + 1 …, uint8 RGBA (N, S, S, 4), drawn ahead by `loader_workers` processes.

    A batch that was drawn ahead with the previous phase's size is used too, so that no step is skipped. `pinned`:
    batches are in pinned memory, which a GPU reads directly. `draw` draws a batch.
    """

    def __init__(
        self, datasets: Datasets, seed: int, step: int, loader_workers: int, *, pinned: bool, draw: Draw = sampler.batch
    ) -> None:
        self._step = step
        self._phase: Phase
        self._loader = DataLoader(
            _Drawn(datasets, seed, draw),
            batch_size=None,
            sampler=self._orders(),
            num_workers=loader_workers,
            prefetch_factor=AHEAD,
            pin_memory=pinned,
            multiprocessing_context=_clean_processes(),
            worker_init_fn=_alone,
        )
        self._drawn: Iterator[torch.Tensor] | None = None

    def next(self, phase: Phase) -> torch.Tensor:
        """The next step's batch; later batches are requested for `phase`. Raises the errors of drawing."""
        self._phase = phase
        if self._drawn is None:
            self._drawn = iter(self._loader)
        return next(self._drawn)

    def close(self) -> None:
        """Stop the processes, and drop the batches that were drawn ahead."""
        self._drawn = None

    def _orders(self) -> Iterator[tuple[int, Phase]]:
        """Yields the next step to draw, and its phase; read whenever a process is free."""
        while True:
            yield self._step, self._phase
            self._step += 1


class _Drawn(Dataset):  # type: ignore[misc]
    def __init__(self, datasets: Datasets, seed: int, draw: Draw) -> None:
        self._datasets, self._seed, self._draw = datasets, seed, draw

    def __getitem__(self, order: tuple[int, Phase]) -> torch.Tensor:
        step, phase = order
        return torch.from_numpy(self._draw(self._datasets, self._seed, step, phase))


def _clean_processes() -> Any:
    """A context whose processes are children of a process without threads: a fork in the middle of a step may wait for
    ever."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _alone(_: int) -> None:
    """Make a loader worker use one core and ignore Ctrl-C: the training handles it, and still needs its last batch."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
