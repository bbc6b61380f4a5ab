"""Batches made ahead of the steps, in a thread of their own: OpenCV and NumPy work without the interpreter's lock."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.training import sampler
from pipeline.training.cache import Albums
from pipeline.training.schedule import Leg

AHEAD = 3


class Feed:
    """The batches of steps `step`, `step` + 1 …, a few made ahead.

    One that was made ahead for the previous leg's size is used all the same, so that no step is skipped.
    """

    def __init__(self, albums: Albums, seed: int, step: int) -> None:
        self._albums, self._seed, self._step = albums, seed, step
        self._maker = ThreadPoolExecutor(max_workers=1)
        self._ahead: deque[Future[sampler.Batch]] = deque()

    def next(self, leg: Leg) -> sampler.Batch:
        """The next step's batch; later ones are begun for `leg`. Raises what making it raised."""
        while len(self._ahead) < AHEAD:
            making = self._maker.submit(sampler.batch, self._albums, self._seed, self._step, leg)
            self._ahead.append(making)
            self._step += 1
        return self._ahead.popleft().result()

    def close(self) -> None:
        """Forget the batches that nobody will ask for."""
        self._maker.shutdown(wait=True, cancel_futures=True)
