"""A Dask client that is closed if it cannot connect."""

from __future__ import annotations

from typing import Any

from distributed import Client


class ConnectingClient(Client):  # type: ignore[misc]  # untyped in Dask
    """Dask leaves a client that failed in its constructor to the garbage collector.

    That may close it at any time. If the next client is being started at that moment, both wait for one lock for ever.
    """

    def start(self, **kwargs: Any) -> None:
        """Connect, or close."""
        try:
            super().start(**kwargs)
        except BaseException:
            self.close()
            raise
