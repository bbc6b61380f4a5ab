"""Clients that are slow, too many, too large or malicious: each gets a short answer, and the others are served."""

from __future__ import annotations

import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial

import pytest

from tests.server.conftest import TOKEN
from tests.server.running import JPEG, Server
from tests.waiting import until

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def test_only_who_knows_the_token_is_served(small_server: Server, photograph: bytes) -> None:
    """Pictures and counts need it. The page, the description and the health of the server do not."""
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}):
        for method, path in (("POST", "/v1/cutout"), ("GET", "/metrics")):
            reply = small_server.ask(method, path, photograph if method == "POST" else None, JPEG | given)
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert small_server.ask("POST", "/v1/cutout", photograph, JPEG | AUTH).status == 200
    for path in ("/", "/openapi.json", "/healthz", "/readyz"):
        assert small_server.ask("GET", path).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_without_a_token_no_other_page_is_served(server: Server, photograph: bytes, headers: dict[str, str]) -> None:
    """A page in a browser of this machine cannot use the server, not even under a name that leads to 127.0.0.1."""
    assert server.ask("POST", "/v1/cutout", photograph, JPEG | headers).status == 403
    own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert server.ask("POST", "/v1/cutout", photograph, JPEG | own).status == 200


def test_a_body_that_is_too_large_is_refused(small_server: Server) -> None:
    """413: if its length says so before anything is read, and without a length as soon as it is too large."""
    stated = small_server.ask("POST", "/v1/cutout", bytes(300_000), JPEG | AUTH)
    assert (stated.status, stated.json()["code"]) == (413, "body_too_large")
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Transfer-Encoding": "chunked"})
    assert _status(small_server, head + 6 * _piece(50_000)) == 413
    assert _status(small_server, _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": str(10**15)})) == 413
    assert small_server.metric("cutouts_held_bytes", AUTH) == 0


def test_a_client_that_sends_before_it_reads_sees_why_it_is_refused(small_server: Server) -> None:
    """The rest of its body is dropped, many times what the server takes; the connection is not reset before."""
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Transfer-Encoding": "chunked"})
    with small_server.connect() as connection:
        connection.sendall(head + 100 * _piece(300_000) + b"0\r\n\r\n")
        assert b'"body_too_large"' in _rest(connection)
    with small_server.connect() as connection:
        connection.sendall(_head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": "30000000"}))
        connection.sendall(bytes(30_000_000))
        assert b'"body_too_large"' in _rest(connection)


def test_a_client_that_sends_for_longer_than_its_body_is_dropped_can_still_read_why(small_server: Server) -> None:
    """After a pause its pipe is broken, but the answer arrived before and is not lost."""
    with small_server.connect() as connection:
        connection.sendall(_head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": "30000000"}))
        time.sleep(3)
        connection.sendall(bytes(10_000))  # is answered by a reset
        time.sleep(0.5)
        with pytest.raises(BrokenPipeError):
            connection.sendall(bytes(10_000))
        assert b'"body_too_large"' in _rest(connection)


def test_a_client_too_many_sees_why_it_is_refused(small_server: Server) -> None:
    """503, although it sends its whole image before it reads; when the others have left, it is served."""
    with ExitStack() as stack:
        for _ in range(512):
            stack.enter_context(small_server.connect())
        refused = stack.enter_context(small_server.connect())
        refused.sendall(_head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": "30000000"}))
        refused.sendall(bytes(30_000_000))
        told = _rest(refused)
    assert told.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b'"code": "connections"' in told
    until(lambda: small_server.ask("GET", "/healthz").status == 200)


@pytest.mark.parametrize("body", [b"zz\r\n", b"-5\r\n", b"5\r\nabc", b"5\r\nabcdefgh\r\n0\r\n\r\n"])
def test_a_body_that_lies_about_its_pieces_is_refused(small_server: Server, body: bytes) -> None:
    """400, also for a client that sends everything before it reads."""
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Transfer-Encoding": "chunked"})
    with small_server.connect() as connection:
        connection.sendall(head + body + bytes(20_000_000))
        told = _rest(connection)
    assert told.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"code": "malformed"' in told
    assert small_server.metric("cutouts_held_bytes", AUTH) == 0


def test_a_body_without_an_end_is_not_read_for_long(small_server: Server) -> None:
    """The client is answered while it still sends; if it goes on, the connection ends."""
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Transfer-Encoding": "chunked"})
    with small_server.connect() as connection:
        connection.sendall(head + _piece(300_000))
        assert connection.recv(12) == b"HTTP/1.1 413"
        sent, piece = 0, _piece(1_000_000)
        with suppress(ConnectionError):
            while sent < 1_000_000_000:
                sent += len(piece)
                connection.sendall(piece)
    assert sent < 150_000_000
    assert small_server.metric("cutouts_held_bytes", AUTH) == 0


def test_a_bomb_is_refused_by_its_header(small_server: Server) -> None:
    """A small file that unpacks to more pixels than are allowed is not unpacked."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(10**7))) + _chunk(b"IEND")
    )
    reply = small_server.ask("POST", "/v1/cutout", bomb + _chunk(b"IEND"), JPEG | AUTH)
    assert (reply.status, reply.json()["code"]) == (422, "too_large")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"x", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"x", 415),
        (JPEG | {"Content-Encoding": "gzip"}, b"x", 415),
        ({"Content-Type": "multipart/form-data"}, b"x", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--\r\n", 400),
        ({"Content-Type": "application/json"}, b"[1]", 400),
        ({"Content-Type": "application/json"}, b'{"url": "https://a/b", "more": 1}', 400),
        ({"Content-Type": "application/json"}, b"[" * 60_000, 400),
        ({"Content-Type": "application/json"}, b" " * 70_000, 413),
    ],
)
def test_a_malformed_request_says_what_is_wrong(
    small_server: Server, headers: dict[str, str], body: bytes, status: int
) -> None:
    """It gets words, and never 500."""
    reply = small_server.ask("POST", "/v1/cutout", body, headers | AUTH)
    assert (reply.status, reply.json()["status"]) == (status, status)
    assert reply.json()["detail"]


def test_wrong_paths_methods_and_queries_are_told(small_server: Server, photograph: bytes) -> None:
    """404, 405 and 400 are problems in words, too."""
    assert small_server.ask("GET", "/v1/../../etc/passwd", headers=AUTH).json()["code"] == "no_such_path"
    assert small_server.ask("GET", "/v1/cutout", headers=AUTH).json()["code"] == "method"
    assert small_server.ask("POST", "/v1/cutout?crop=maybe", photograph, JPEG | AUTH).json()["code"] == "malformed"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/cutout?Crop=true", "Crop: this path takes only crop and box"),
        (
            "/v1/renditions/amazon-main?crop=true&size=9",
            "crop: this path takes only box; size: this path takes only box",
        ),
        ("/v1/matte?crop=true&crop=false", "crop: it is there 2 times"),
    ],
)
def test_what_an_order_asks_for_is_never_ignored(
    small_server: Server, photograph: bytes, path: str, words: str
) -> None:
    """A parameter that the path does not know is refused, and so is one that says two things."""
    reply = small_server.ask("POST", path, photograph, JPEG | AUTH)
    assert (reply.status, reply.json()["code"], reply.json()["detail"]) == (400, "malformed", words)


def test_no_request_is_hidden_in_the_body_of_another(small_server: Server) -> None:
    """Headers that say twice where a body ends are refused, and nothing after them is read as a request."""
    length = {"Content-Length": "4", "Transfer-Encoding": "chunked"}
    for path in ("/v1/cutout", "/healthz"):
        with small_server.connect() as connection:
            connection.sendall(_head("POST", path, **JPEG, **AUTH, **length) + b"0\r\n\r\n")
            connection.sendall(_head("GET", "/healthz"))
            told = _rest(connection)
        assert told.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert told.count(b"HTTP/1.1") == 1


def test_huge_headers_are_refused(small_server: Server) -> None:
    """Whether they arrive at once or never end."""
    assert small_server.ask("GET", "/healthz", headers={"X": "a" * 20_000}).status == 431
    assert _status(small_server, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 500_000) == 400
    assert _status(small_server, b"\x16\x03\x01 this is TLS\r\n\r\n") == 400


def test_slow_headers_end_the_connection(small_server: Server) -> None:
    """A connection without a complete request, or without any, is closed."""
    with ExitStack() as stack:
        slow = [stack.enter_context(small_server.connect()) for _ in range(3)]
        for connection, begun in zip(slow, (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n"), strict=True):
            connection.sendall(begun)
        assert [_rest(connection) for connection in slow] == [b"", b"", b""]


def test_a_slow_body_is_given_up(small_server: Server) -> None:
    """408: if nothing comes for a while, and if it comes in pieces for too long."""
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": "1000"})
    assert _status(small_server, head + b"x") == 408
    with small_server.connect() as connection:
        connection.sendall(head)
        answer = b""
        connection.settimeout(0.2)
        while not answer:
            with suppress(TimeoutError):
                answer = connection.recv(65536)
            if not answer:
                connection.sendall(b"x")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert small_server.metric("cutouts_held_bytes", AUTH) == 0


def test_slow_clients_do_not_keep_others_waiting(small_server: Server, photograph: bytes) -> None:
    """With sixty half-sent images, another client is served."""
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": "1000"})
    slow = [small_server.connect() for _ in range(60)]
    try:
        for connection in slow:
            connection.sendall(head + b"x")
        assert small_server.ask("POST", "/v1/cutout", photograph, JPEG | AUTH).status == 200
    finally:
        for connection in slow:
            connection.close()


def test_too_many_images_are_refused_at_once(small_server: Server, photograph: bytes) -> None:
    """429 says when to try again. What waits is answered with 504 when its time is over, and then there is room."""
    with ThreadPoolExecutor(4) as pool, small_server.stopped_workers():
        ask = partial(small_server.ask, "POST", "/v1/cutout", photograph, JPEG | AUTH)
        first = pool.submit(ask)
        until(lambda: small_server.metric("cutouts_held_bytes", AUTH) > 0)
        until(lambda: small_server.metric("cutouts_waiting", AUTH) == 0)
        waiting = [first, *(pool.submit(ask) for _ in range(3))]
        until(lambda: small_server.metric("cutouts_waiting", AUTH) == 3)
        refused = small_server.ask("POST", "/v1/cutout", photograph, JPEG | AUTH)
        late = [one.result() for one in waiting]
    assert {reply.status for reply in late} == {504}
    assert (refused.status, int(refused.headers["retry-after"]) >= 1) == (429, True)
    assert small_server.ask("POST", "/v1/cutout", photograph, JPEG | AUTH).status == 200


def test_a_client_that_leaves_is_forgotten(small_server: Server, photograph: bytes) -> None:
    """Its image leaves the queue, and its memory is free."""
    head = _head("POST", "/v1/cutout", **JPEG, **AUTH, **{"Content-Length": str(len(photograph))})
    gone = 'cutouts_problems_total{code="gone"}'
    before = small_server.metric(gone, AUTH)
    with small_server.stopped_workers():
        leaving = [small_server.connect() for _ in range(3)]
        for connection in leaving:
            connection.sendall(head + photograph)
            connection.close()
        until(lambda: small_server.metric(gone, AUTH) == before + 3)
        assert small_server.metric("cutouts_waiting", AUTH) == 0
    assert small_server.metric("cutouts_held_bytes", AUTH) == 0


def test_an_answer_that_nobody_reads_ends_the_connection(small_server: Server) -> None:
    """A client that asks again and again without reading is cut off, and its connection does not stay."""
    with small_server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own = connection.getsockname()
        until(lambda: own in small_server.clients())
        connection.settimeout(1)
        with suppress(TimeoutError, ConnectionError):  # what no buffer has room for any more
            _send_for_ever(connection, 100 * _head("GET", "/", Host="localhost"))
        until(lambda: own not in small_server.clients())


def _head(method: str, path: str, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {"Host": "a", **headers}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _send_for_ever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


def _rest(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    pieces = []
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def _status(server: Server, request: bytes) -> int:
    """The status of the answer to raw bytes, after which nothing more is sent."""
    with server.connect() as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return int(_rest(connection).split()[1])


def _piece(size: int) -> bytes:
    """A piece of a body without a stated length."""
    return b"%x\r\n%s\r\n" % (size, bytes(size))


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
