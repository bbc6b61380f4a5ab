"""A TCP server that answers each request with what a test writes: headers, slow bytes, endless streams."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class RawServer:
    """Its address, and the head of each request that it received."""

    port: int
    scheme: str = "http"
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    """The number of bytes that were sent."""

    @property
    def url(self) -> str:
        """Its address on loopback."""
        return f"{self.scheme}://127.0.0.1:{self.port}"


class Connection:
    """A connection that counts the bytes that it sends."""

    def __init__(self, stream: socket.socket, server: RawServer) -> None:
        self._stream, self._server = stream, server

    def sendall(self, data: bytes) -> None:
        """Send all of it; OSError once the other side is gone."""
        self._stream.sendall(data)
        self._server.sent += len(data)


Answer = Callable[[Connection, str], None]
"""Receives the connection and the request's first line without its line end."""


@contextmanager
def answering(answer: Answer | bytes, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """A server on loopback until the block ends, which sends bytes unchanged and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(port=listener.getsockname()[1], scheme="https" if tls else "http")
        threading.Thread(target=_serve, args=(listener, server, answer, tls), daemon=True).start()
        yield server
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, server: RawServer, answer: Answer | bytes, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, server, answer, tls), daemon=True).start()


def _talk(connection: socket.socket, server: RawServer, answer: Answer | bytes, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError), connection, tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = stream.recv(65536)
            if not piece:
                return
            head += piece
        server.asked.append(head.decode("latin-1"))
        if isinstance(answer, bytes):
            stream.sendall(answer)
        else:
            answer(Connection(stream, server), head.decode("latin-1").partition("\r\n")[0])
