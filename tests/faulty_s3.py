"""A proxy in front of the S3 server that lets some requests fail, like a store that is overloaded or forbids them."""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import s3fs

CODES = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Requests that fail: `how` is an HTTP status, "reset" or "silent", for the method and path that `of` matches.

    `left` of them fail, or all (None).
    """

    how: int | str
    of: str = ".*"
    left: int | None = None


@dataclass(slots=True, kw_only=True)
class FaultyS3:
    """The proxy: its URL, the troubles that it makes, and the requests (method and path) that it received."""

    url: str = ""
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failed: int = 0

    def trouble(self, request: str) -> int | str | None:
        """How that request fails; None if it does not."""
        self.asked.append(request)
        for one in self.troubles:
            if one.left != 0 and re.search(one.of, request):
                one.left = None if one.left is None else one.left - 1
                self.failed += 1
                return one.how
        return None


@contextmanager
def faulty(server: str, silent_s: float = 60.0) -> Iterator[FaultyS3]:
    """A proxy in front of `server` until the block ends."""
    proxy = FaultyS3()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def _answer(self) -> None:
            body = _body(self)
            how = proxy.trouble(f"{self.command} {self.path}")
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            elif how == "silent":
                time.sleep(silent_s)
                self.close_connection = True
            elif isinstance(how, int):
                _send(self, how, {}, f"<Error><Code>{CODES[how]}</Code><Message>no</Message></Error>".encode())
            else:
                _forward(self, server, body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 -- the names of the base class

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        proxy.url = f"http://127.0.0.1:{listener.server_address[1]}"
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield proxy
        listener.shutdown()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    pieces = []
    while size := int(handler.rfile.readline().partition(b";")[0], 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    while handler.rfile.readline().strip():
        pass
    return b"".join(pieces)


@pytest.fixture
def proxy(s3_server: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """A store that lets requests fail. Only s3fs repeats them: botocore beneath it would wait seconds between its own
    attempts, for each of those."""
    assert bucket
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with faulty(s3_server) as one:
        monkeypatch.setenv("AWS_ENDPOINT_URL", one.url)
        s3fs.S3FileSystem.clear_instance_cache()
        yield one
    s3fs.S3FileSystem.clear_instance_cache()


def _forward(handler: BaseHTTPRequestHandler, server: str, body: bytes) -> None:
    place = urlsplit(server)
    connection = http.client.HTTPConnection(str(place.hostname), place.port)
    drop = {"transfer-encoding", "content-length", "connection", "expect"}
    headers = {name: value for name, value in handler.headers.items() if name.lower() not in drop}
    connection.request(handler.command, handler.path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    kept = {name: value for name, value in answer.getheaders() if name.lower() not in {*drop, "server", "date"}}
    _send(handler, answer.status, kept, data, length=answer.getheader("Content-Length"))
    connection.close()


def _send(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes, length: str | None = None
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    head = handler.command == "HEAD"
    handler.send_header("Content-Length", length if head and length else str(len(data)))
    handler.end_headers()
    if not head:
        handler.wfile.write(data)
