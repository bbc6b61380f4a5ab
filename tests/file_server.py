"""A web server of one file that can be made to misbehave, and that is also a forward proxy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import PATIENCE


@dataclass(slots=True, kw_only=True)
class FileServer:
    """What is served and how; `asked` collects the path and the headers of each request."""

    body: bytes
    etag: str | None = '"first"'
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    """For each further answer, the number of bytes after which the connection breaks."""
    status: int | None = None
    claims: int | None = None
    """The stated Content-Length if it is not the true one."""
    hangs_after: int | None = None
    """The number of bytes after which nothing more is sent until the server ends."""
    over: threading.Event = field(default_factory=threading.Event)
    silent_length: bool = False
    """Whether the length is left out."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """The server, at its `url` on loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, server)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        web.shutdown()
        web.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, server: FileServer) -> None:
    server.asked.append((request.path, dict(request.headers.items())))
    cut = server.cuts.pop(0) if server.cuts else None
    request.close_connection = True
    if cut == 0:
        return
    if server.status is not None:
        request.send_error(server.status)
        return
    start, end = _part(request, server)
    data = server.body[start:end]
    request.send_response(206 if len(data) < len(server.body) else 200)
    if len(data) < len(server.body):
        request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(server.body)}")
    if not server.silent_length:
        request.send_header("Content-Length", str(server.claims or len(data)))
    if server.etag:
        request.send_header("ETag", server.etag)
    request.end_headers()
    request.wfile.write(data[: server.hangs_after if cut is None else cut])
    if server.hangs_after is not None:
        request.wfile.flush()
        server.over.wait(PATIENCE)


def _part(request: BaseHTTPRequestHandler, server: FileServer) -> tuple[int, int]:
    """The bytes of the answer: a range counts if ranges are supported and the ETag matches."""
    asked = request.headers.get("Range")
    if not asked or not server.ranges or request.headers.get("If-Range", server.etag) != server.etag:
        return 0, len(server.body)
    start, _, last = asked.removeprefix("bytes=").partition("-")
    return int(start), min(int(last) + 1, len(server.body)) if last else len(server.body)
