"""Access to a Dask scheduler: the state of its workers, and tasks that are bound to one worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cutouts.core.errors import TransientError
from cutouts.stages.memory_budget import release_freed

if TYPE_CHECKING:
    from distributed import Client, Future

ANSWER_SECONDS = 60.0
"""How long the scheduler may take to answer a request (s)."""
RESULT_SECONDS = 5.0
"""How long a finished result may take to arrive before its worker is checked (s)."""


class LostError(TransientError):
    """A task's worker died before it was finished."""


class NotYetError(TransientError):
    """A result has not arrived, probably because its worker died after finishing the task."""


class Scheduler:
    """The scheduler that `client` is connected to; `cluster` is its name for people.

    Every method raises TransientError once the scheduler is gone, because our tasks are gone with it.
    """

    def __init__(self, client: Client, cluster: str) -> None:
        self._client = client
        self.cluster = cluster

    def threads(self) -> dict[str, int]:
        """The number of threads of each worker, by address."""
        return self._ask("ncores")

    def running(self) -> dict[str, int]:
        """The number of threads of each worker that accepts tasks, by address: without workers that Dask has paused or
        that are about to leave."""
        return self._ask("ncores_running")

    def release_memory(self, workers: Sequence[str]) -> None:
        """Ask reachable workers to release memory that their allocators keep."""
        with suppress(OSError):
            self._client.run(release_freed, workers=list(workers), on_error="ignore")

    def states(self, keys: Collection[str]) -> dict[str, str | None]:
        """The state of each task; None for one that the scheduler does not know."""
        return self._ask("get_task_status", keys=list(keys))

    def submit(self, attempt: Callable[[], Any], key: str, worker: str) -> Future:
        """Start a task on one worker. Dask never moves it to another one, where it could cause the same damage."""
        from distributed.client import ClosedClientError

        try:
            return self._client.submit(attempt, key=key, pure=False, workers=[worker], allow_other_workers=False)
        except ClosedClientError as error:
            raise self._closed() from error

    def forget(self, futures: Collection[Future]) -> None:
        """Remove tasks from the scheduler, if it still exists."""
        if futures and self._client.status == "running":
            self._client.cancel(list(futures), force=True)

    def result(self, future: Future) -> Any:
        """The result of a finished task. Raises the task's error, LostError or NotYetError."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        failed = future.status == "error"
        try:
            return future.result(timeout=RESULT_SECONDS)
        except KilledWorker:
            raise LostError from None
        except FutureCancelledError as error:
            raise TransientError(f"{self.cluster} lost a chunk ({error}); run again when it is up") from error
        except OSError as error:
            if failed:
                raise
            if isinstance(error, TimeoutError):
                raise NotYetError from None
            raise TransientError(f"{self.cluster} lost a chunk ({error}); run again when it is up") from error

    def _ask(self, question: str, **arguments: object) -> dict[str, Any]:
        """The scheduler's answer."""
        try:
            if self._client.status == "running":
                ask = getattr(self._client.scheduler, question)
                answer: dict[str, Any] = self._client.sync(ask, callback_timeout=ANSWER_SECONDS, **arguments)
                return answer
        except (OSError, TimeoutError) as error:
            raise TransientError(f"{self.cluster} does not answer; run again when the scheduler is up") from error
        raise self._closed()

    def _closed(self) -> TransientError:
        return TransientError(f"{self.cluster} closed the connection; run again when the scheduler is up")
