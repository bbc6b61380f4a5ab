"""A Dask client that is closed if it cannot connect."""

from __future__ import annotations

from typing import Any

from distributed import Client


class ConnectingClient(Client):  # type: ignore[misc]  # untyped in Dask
    """Dask leaves a client that failed in its constructor to the garbage collector, which may close it at any time. If
    the next client is starting at that moment, both wait for the same lock for ever."""

    def start(self, **kwargs: Any) -> None:
        """Connect; if that fails, close the client."""
        try:
            super().start(**kwargs)
        except BaseException:
            self.close()
            raise
