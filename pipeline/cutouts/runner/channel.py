"""Messages between a process and its child: whole ones, over a socket, each read at once into memory of its size."""

from __future__ import annotations

import select
import socket
import struct

_SIZE = struct.Struct("!Q")
"""What every message begins with: its size (B)."""


class Channel:
    """One end of a connection; its other end is in another process.

    `multiprocessing.Connection` reads a message into memory that grows, which takes three times as much CPU time for a
    picture.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._readable = select.poll()
        self._readable.register(end, select.POLLIN)

    def send(self, message: bytes) -> None:
        """Send a message. Raises ConnectionError (BrokenPipeError, ConnectionResetError) if the other end is closed."""
        self._end.sendall(_SIZE.pack(len(message)))
        self._end.sendall(message)

    def ready(self, seconds: float) -> bool:
        """Whether a message or the end of the connection arrives within that time."""
        return bool(self._readable.poll(1000 * seconds))

    def receive(self) -> bytearray:
        """The next message. Raises EOFError if the other end is closed, or ConnectionResetError."""
        (size,) = _SIZE.unpack(self._exactly(_SIZE.size))
        return self._exactly(size)

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            read = self._end.recv_into(rest, 0, socket.MSG_WAITALL)
            if not read:
                raise EOFError
            rest = rest[read:]
        return data
