"""Batches drawn ahead of the steps, by processes of their own: one keeps two cores' steps fed, a GPU needs a dozen."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from cutouts.training.batches import sampler
from cutouts.training.batches.schedule import Leg
from cutouts.training.data.cache import Albums
from cutouts.training.data.examples import Pixels

Draw = Callable[[Albums, int, int, Leg], Pixels]
"""Draws the images of a step, uint8 RGBA (N, S, S, 4), from the albums by seed and step, such as `sampler.batch`."""
AHEAD = 2
"""Batches that each process is ahead."""


class Feed:
    """The batches of steps `step`, `step` + 1 …, uint8 RGBA (N, S, S, 4), drawn ahead by `drawers` processes.

    One that was drawn ahead for the previous leg's size is used all the same, so that no step is skipped. `pinned`:
    into memory that a GPU reads by itself. `draw`: what draws them.
    """

    def __init__(
        self, albums: Albums, seed: int, step: int, drawers: int, *, pinned: bool, draw: Draw = sampler.batch
    ) -> None:
        self._step = step
        self._leg: Leg
        self._loader = DataLoader(
            _Drawn(albums, seed, draw),
            batch_size=None,
            sampler=self._orders(),
            num_workers=drawers,
            prefetch_factor=AHEAD,
            pin_memory=pinned,
            multiprocessing_context=_clean_processes(),
            worker_init_fn=_alone,
        )
        self._drawn: Iterator[torch.Tensor] | None = None

    def next(self, leg: Leg) -> torch.Tensor:
        """The next step's batch; later ones are ordered for `leg`. Raises what drawing it raised."""
        self._leg = leg
        if self._drawn is None:
            self._drawn = iter(self._loader)
        return next(self._drawn)

    def close(self) -> None:
        """Stop the processes, and forget the batches that nobody will ask for."""
        self._drawn = None

    def _orders(self) -> Iterator[tuple[int, Leg]]:
        """Which step to draw next, and for which leg: asked each time that a process is free."""
        while True:
            yield self._step, self._leg
            self._step += 1


class _Drawn(Dataset):  # type: ignore[misc]
    def __init__(self, albums: Albums, seed: int, draw: Draw) -> None:
        self._albums, self._seed, self._draw = albums, seed, draw

    def __getitem__(self, order: tuple[int, Leg]) -> torch.Tensor:
        step, leg = order
        return torch.from_numpy(self._draw(self._albums, self._seed, step, leg))


def _clean_processes() -> Any:
    """Children of a process that has no threads: a copy of one in the middle of a step may wait for ever."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _alone(_: int) -> None:
    """A drawer takes one core, and leaves Ctrl-C to the training, which still wants its last step."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
