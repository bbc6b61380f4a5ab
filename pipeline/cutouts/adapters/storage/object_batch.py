"""Writes many objects to a store while other work goes on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from cutouts.adapters.storage.store import Store, object_name

_THREADS = 4
"""Objects that are written at once. They mostly wait: for the disk, or for the answer of an object store."""
_MOST_BYTES = 32_000_000
"""Bytes of objects that may wait to be written. For more, `put` waits."""


class ObjectBatch:
    """Objects of one chunk, which are written in threads while its next image is cut.

    When `settle` returns, all have their names, and on a local disk a power cut loses none of them. Until then, any of
    them may be missing. If one cannot be written, `put` or `settle` raises the error of `Store.put_named`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="objects")
        self._writing: deque[tuple[int, Future[None]]] = deque()
        self._bytes = 0
        self._names: set[str] = set()

    def put(self, data: bytes, suffix: str) -> str:
        """Begin to write bytes as `Store.put_object` does, and return their name."""
        name = object_name(data, suffix)
        if name not in self._names:
            self._names.add(name)
            self._writing.append((len(data), self._pool.submit(self._store.put_named, name, data)))
            self._bytes += len(data)
        while self._writing and (self._bytes > _MOST_BYTES or self._writing[0][1].done()):
            self._await_first()
        return name

    def settle(self) -> None:
        """Wait until all objects are written."""
        while self._writing:
            self._await_first()

    def close(self) -> None:
        """End the threads. Objects that they have not begun are not written."""
        self._pool.shutdown(cancel_futures=True)

    def _await_first(self) -> None:
        size, written = self._writing.popleft()
        self._bytes -= size
        written.result()
