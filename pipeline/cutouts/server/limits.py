"""What one request and all requests together may cost the server."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.server.problems import busy

HEAD_BYTES = 16_384
"""The largest size of a request's line and headers (B)."""
JSON_BYTES = 65_536
"""The largest size of a JSON body (B)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How slow a client may be, in seconds: to send its headers, between two pieces of its body, to send its whole
    body, to read the next piece of an answer; and how long a connection without a request stays open."""

    head: float = 10.0
    piece: float = 10.0
    body: float = 60.0
    read: float = 30.0
    idle: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`image_bytes` and `held_bytes` in B: of one image, and of all bodies in memory. `seconds` are from the arrival of
    the whole body to the answer. `reads` is the number of addresses that are read at a time."""

    image_bytes: int
    held_bytes: int
    seconds: float
    connections: int = 512
    reads: int = 16
    pace: Pace = Pace()


class Held:
    """Counts the bytes of all bodies in memory."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = 0

    def add(self, size: int) -> None:
        """Count `size` more bytes. Raises a Problem (429) if there is no room for them."""
        if self.now + size > self._most:
            raise busy(f"the images that are being received have together {self._most} B, the most that are allowed", 1)
        self.now += size

    def give_back(self, size: int) -> None:
        """Bytes that are no longer needed."""
        self.now -= size
