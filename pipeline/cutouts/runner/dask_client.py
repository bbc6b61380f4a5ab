"""A Dask client that is closed where it could not connect."""

from __future__ import annotations

from typing import Any

from distributed import Client


class ConnectingClient(Client):  # type: ignore[misc]  # untyped in Dask
    """Dask leaves a client that failed in its constructor to the garbage collector.

    That closes it whenever it pleases: where the next client is just being started, both wait for one lock for ever.
    """

    def start(self, **kwargs: Any) -> None:
        """Connect, or close."""
        try:
            super().start(**kwargs)
        except BaseException:
            self.close()
            raise
