"""Logs the progress of a shard, in sentences with counts."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType

from cutouts.core.records import Receipt, ShardKey
from cutouts.stages import ChunkResult

_log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
"""How often progress is logged, even if nothing was finished in between (s)."""


class ShardProgress:
    """Logs one line every ten seconds inside its `with` block."""

    def __init__(self, shard: ShardKey, images: int) -> None:
        self._name, self._images = f"shard {shard.index}", images
        self._done = self._rejected = 0
        self._began = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> ShardProgress:
        _log.info("%s: %d images to cut", self._name, self._images)
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._ticker.join()

    def add(self, result: ChunkResult) -> None:
        """Count finished images."""
        self._done += result.images
        self._rejected += len(result.rejections)

    def _tick(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            rate = self._done / (time.monotonic() - self._began)
            _log.info(
                "%s: %d of %d images, %.1f images/s, %d rejected",
                self._name,
                self._done,
                self._images,
                rate,
                self._rejected,
            )


def tell_done(receipt: Receipt) -> None:
    """Log one line about a finished shard."""
    _log.info(
        "shard %d: done, %d cut, %d reused, %d rejected in %.0f s",
        receipt.index,
        receipt.cut,
        receipt.reused,
        receipt.rejected,
        receipt.wall_seconds,
    )


def tell_done_before(receipt: Receipt) -> None:
    """Log one line about a shard that needs no work."""
    _log.info("shard %d: already done, %d images", receipt.index, receipt.images)
