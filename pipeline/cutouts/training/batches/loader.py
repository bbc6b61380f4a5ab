"""Batches drawn ahead of the steps, by processes of their own: one keeps two cores' steps fed, a GPU needs a dozen."""

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
"""Batches that each process is ahead."""


class BatchLoader:
    """The batches of steps `step`, `step` + 1 …, uint8 RGBA (N, S, S, 4), drawn ahead by `loader_workers` processes.

    One that was drawn ahead for the previous phase's size is used all the same, so that no step is skipped. `pinned`:
    into memory that a GPU reads by itself. `draw`: what draws them.
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
        """The next step's batch; later ones are ordered for `phase`. Raises what drawing it raised."""
        self._phase = phase
        if self._drawn is None:
            self._drawn = iter(self._loader)
        return next(self._drawn)

    def close(self) -> None:
        """Stop the processes, and forget the batches that nobody will ask for."""
        self._drawn = None

    def _orders(self) -> Iterator[tuple[int, Phase]]:
        """Which step to draw next, and for which phase: asked each time that a process is free."""
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
    """Children of a process that has no threads: a copy of one in the middle of a step may wait for ever."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _alone(_: int) -> None:
    """A loader worker takes one core, and leaves Ctrl-C to the training, which still wants its last step."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
