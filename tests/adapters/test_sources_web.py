"""Photographs over HTTP and HTTPS: whom we ask, and how much and how long we listen. Real servers on loopback."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cutouts.adapters.storage.sources import web
from cutouts.adapters.storage.sources.async_calls import Deadline
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.sources.web import read_web
from cutouts.core.errors import ImageRejected
from cutouts.core.records import RejectionReason
from cutouts.core.sources.locations import Location, Reading, parse_prefixes
from tests.file_server import FileServer, serving
from tests.raw_server import Connection, answering

PUBLIC = "192.88.99.77"
"""An address of the public internet at which nobody answers."""


def allowing(*prefixes: str, max_bytes: int = 100, seconds: float = 30) -> Reading:
    """What may be read."""
    return Reading(allowed=parse_prefixes(prefixes), max_bytes=max_bytes, seconds=seconds)


def rejection(uri: str, reading: Reading) -> ImageRejected:
    """How reading it fails; always to be tried again by a later run."""
    with pytest.raises(ImageRejected) as caught:
        read_image(uri, reading)
    assert caught.value.retryable
    return caught.value


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""]).encode() + body


def redirect(target: str) -> bytes:
    """An answer that sends us elsewhere."""
    return answer(b"", f"Location: {target}", "Content-Length: 0", status="302 Found")


def test_a_photograph_is_read() -> None:
    """Without compression being asked for, and by one request."""
    with serving(FileServer(body=b"bytes")) as server:
        assert read_image(f"{server.url}/a.jpg", allowing(server.url)) == b"bytes"
    ((path, headers),) = server.asked
    assert path == "/a.jpg"
    assert headers["Accept-Encoding"] == "identity"


def test_a_connection_that_breaks_is_tried_again() -> None:
    """The first two answers end too early."""
    with serving(FileServer(body=b"bytes", cuts=[0, 3])) as server:
        assert read_image(f"{server.url}/a.jpg", allowing(server.url)) == b"bytes"
    assert len(server.asked) == 3


def test_a_server_that_is_busy_is_asked_again() -> None:
    """503 says that it may answer later."""
    answers = [answer(b"", "Content-Length: 0", status="503 Busy")] * 2 + [answer(b"bytes")]
    with answering(lambda connection, _: connection.sendall(answers.pop(0))) as server:
        assert read_image(f"{server.url}/a.jpg", allowing(server.url)) == b"bytes"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, RejectionReason.MISSING),
        (410, RejectionReason.MISSING),
        (403, RejectionReason.UNREADABLE),
        (500, RejectionReason.UNREADABLE),
        (206, RejectionReason.UNREADABLE),
    ],
)
def test_what_a_server_does_not_give_is_rejected_for_now(status: int, reason: RejectionReason) -> None:
    """A later run tries it again; a part is not taken for the whole."""
    with answering(answer(b"bytes", "Content-Length: 5", status=f"{status} Status")) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is reason


def test_a_signed_url_is_asked_for_byte_by_byte() -> None:
    """Its signature holds for what is written, not for what is equivalent."""
    target = "/a%2fb%2F%7e/../c%20d;v=1?X-Sig=a%2Bb%2f+c&e=[1]&f=é"
    with answering(answer(b"bytes")) as server:
        read_image(f"{server.url}{target}", allowing(server.url))
    assert server.asked[0].startswith("GET /a%2fb%2F%7e/../c%20d;v=1?X-Sig=a%2Bb%2f+c&e=[1]&f=%C3%A9 HTTP/1.1\r\n")


def test_a_log_in_is_sent_to_its_own_host_alone() -> None:
    """As HTTP basic authentication, decoded; a redirect does not take it along, and messages do not show it."""
    with answering(answer(b"bytes")) as other, answering(redirect(f"{other.url}/b.jpg")) as server:
        uri = f"{server.url.replace('//', '//me:p%40ss@')}/a.jpg"
        assert read_image(uri, allowing(server.url, other.url)) == b"bytes"
        assert "p%40ss" not in str(rejection(uri, allowing(server.url)))
    assert "Authorization: Basic bWU6cEBzcw==" in server.asked[0]
    assert "Authorization" not in other.asked[0]


# Whom we ask


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "[::ffff:127.0.0.1]", "LOCALHOST.", "0.0.0.0"])
def test_this_machine_is_not_asked(host: str) -> None:
    """Every public host may be; the message says what to allow, and nothing was connected to."""
    with answering(answer(b"private")) as server:
        refused = rejection(f"http://{host}:{server.port}/a.jpg", allowing("http://"))
        assert refused.reason is RejectionReason.NOT_ALLOWED
        assert 'add "http://' in str(refused)
        assert f':{server.port}/" to allowed_sources' in str(refused)
    assert server.asked == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"])
def test_this_machine_is_not_asked_by_a_number(host: str) -> None:
    """Resolvers take these for 127.0.0.1."""
    with answering(answer(b"private")) as server:
        refused = rejection(f"http://{host}:{server.port}/a.jpg", allowing("http://"))
        assert refused.reason is RejectionReason.NOT_ALLOWED
    assert server.asked == []


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "100.64.0.1", "[::1]", "[fe80::1]", "[fd00::1]", "224.0.0.1"]
)
def test_an_address_inside_is_not_asked(address: str) -> None:
    """Refused before any connection, so at once."""
    began = time.monotonic()
    refused = rejection(f"http://{address}/latest/meta-data", allowing("http://"))
    assert refused.reason is RejectionReason.NOT_ALLOWED
    assert time.monotonic() - began < 2


def test_a_host_that_the_site_names_is_asked_although_it_is_inside() -> None:
    """By its prefix, with its port."""
    with answering(answer(b"bytes")) as server:
        assert read_image(f"{server.url}/a.jpg", allowing("https://", f"{server.url}/")) == b"bytes"
        refused = rejection(f"{server.url}/a.jpg", allowing("https://", "http://127.0.0.1/"))
        assert refused.reason is RejectionReason.NOT_ALLOWED


def test_plain_http_is_not_allowed_by_https() -> None:
    """Whoever is between could read and change it."""
    assert rejection("http://example.com/a.jpg", allowing("https://")).reason is RejectionReason.NOT_ALLOWED


@pytest.mark.parametrize("kind", ["absolute", "other scheme", "file", "relative to nowhere", "object"])
def test_a_redirect_goes_only_where_the_site_allows(kind: str) -> None:
    """Each hop is looked at as the first address is; what is inside is not asked."""
    with answering(answer(b"private")) as inside:
        targets = {
            "absolute": f"{inside.url}/a.jpg",
            "other scheme": f"https://127.0.0.1:{inside.port}/a.jpg",
            "file": "file:///etc/passwd",
            "relative to nowhere": f"//127.0.0.1:{inside.port}/a.jpg",
            "object": "s3://bucket/key",
        }
        with answering(redirect(targets[kind])) as server:
            refused = rejection(f"{server.url}/a.jpg", allowing(server.url, "http://", "https://", "s3://", "/"))
        assert refused.reason is RejectionReason.NOT_ALLOWED
        assert "redirects to" in str(refused)
    assert inside.asked == []


def test_a_redirect_within_what_is_allowed_is_followed() -> None:
    """A relative one too, and again with the address that is asked as it is written."""

    def answers(connection: Connection, line: str) -> None:
        moved = line.startswith("GET /moved")
        connection.sendall(answer(b"bytes") if moved else redirect("moved%2fhere?a=%2F"))

    with answering(answers) as server:
        assert read_image(f"{server.url}/x/../a.jpg", allowing(server.url)) == b"bytes"
    assert server.asked[-1].startswith("GET /moved%2fhere?a=%2F ")


def test_redirects_in_a_circle_end() -> None:
    """After a few."""
    with answering(redirect("/a.jpg")) as server:
        assert "redirects" in str(rejection(f"{server.url}/a.jpg", allowing(server.url)))
    assert len(server.asked) == web.REDIRECTS + 1


@pytest.mark.parametrize("target", ["", "http://[", "http://a\x01b/", "\xff\xfe"])
def test_a_redirect_to_nothing_is_one_rejection(target: str) -> None:
    """Whatever a server writes there."""
    with answering(redirect(target)) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url))


class Flipping(AbstractResolver):
    """A name server of an attacker: each question gets the next answer."""

    answers: tuple[tuple[str, ...], ...] = ()
    asked: list[str] = []  # noqa: RUF012 -- the class itself is the fake, made anew by each test

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 -- the name is aiohttp's
    ) -> list[ResolveResult]:
        """The next answer, from the first again after the last."""
        addresses = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


def resolver(*answers: tuple[str, ...]) -> type[Flipping]:
    """Such a name server."""
    return type("Resolver", (Flipping,), {"answers": answers, "asked": []})


@pytest.mark.parametrize("answers", [(("127.0.0.1",),), (("10.0.0.1", "127.0.0.1"),)])
def test_a_name_that_leads_inside_is_refused(answers: tuple[tuple[str, ...], ...]) -> None:
    """With the addresses that were found."""
    with answering(answer(b"private")) as server:
        place = Location.parse(f"http://shop.example:{server.port}/a.jpg")
        with pytest.raises(ImageRejected, match=answers[0][0]) as caught:
            read_web(place, allowing("http://"), Deadline(5), resolver(*answers))
    assert caught.value.reason is RejectionReason.NOT_ALLOWED
    assert server.asked == []


@pytest.mark.parametrize("answers", [((PUBLIC,), ("127.0.0.1",)), ((PUBLIC, "127.0.0.1"),)])
def test_a_name_that_changes_its_mind_leads_nowhere(answers: tuple[tuple[str, ...], ...]) -> None:
    """DNS rebinding: the connection is made to the address that was checked, never to a later answer."""
    names = resolver(*answers)
    with answering(answer(b"private")) as server:
        place = Location.parse(f"http://shop.example:{server.port}/a.jpg")
        for _ in range(2):
            with pytest.raises((OSError, ImageRejected)):
                read_web(place, allowing("http://"), Deadline(1), names)
    assert names.asked
    assert server.asked == []


def test_a_host_that_the_site_names_may_lead_anywhere() -> None:
    """A prefix with a host trusts that host's name server."""
    with answering(answer(b"bytes")) as server:
        place = Location.parse(f"http://images.internal:{server.port}/a.jpg")
        reading = allowing(f"http://images.internal:{server.port}")
        assert read_web(place, reading, Deadline(5), resolver(("127.0.0.1",))).data == b"bytes"
    assert f"Host: images.internal:{server.port}" in server.asked[0]


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name by itself, and reach what we may not."""
    with answering(answer(b"proxy")) as proxy, answering(answer(b"bytes")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert read_image(f"{server.url}/a.jpg", allowing(server.url)) == b"bytes"
    assert proxy.asked == []


# TLS


def certificate(folder: Path, host: str) -> ssl.SSLContext:
    """A server's context with a certificate for `host` that signs itself; it is in `folder` as ca.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(private + (folder / "ca.pem").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


READ_OVER_TLS = """
import sys
from aiohttp.abc import AbstractResolver, ResolveResult
from cutouts.adapters.storage.sources.async_calls import Deadline
from cutouts.adapters.storage.sources.web import read_web
from cutouts.core.sources.locations import Location, Reading, parse_prefixes

class Here(AbstractResolver):
    async def resolve(self, host, port=0, family=0):
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0)]
    async def close(self):
        pass

reading = Reading(allowed=parse_prefixes([sys.argv[1]]), max_bytes=100, seconds=30)
print(read_web(Location.parse(sys.argv[1]), reading, Deadline(20), Here).data.decode())
"""


@pytest.mark.parametrize(("named", "read"), [("shop.example", True), ("other.example", False)])
def test_tls_verifies_the_name_and_says_it(tmp_path: Path, named: str, read: bool) -> None:
    """Although the connection is made to an address; a certificate of another host is not taken."""
    context, names = certificate(tmp_path, "shop.example"), list[str | None]()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with answering(answer(b"bytes"), context) as server:
        done = subprocess.run(
            [sys.executable, "-c", READ_OVER_TLS, f"https://{named}:{server.port}/a.jpg"],
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert names == [named]
    assert (done.returncode == 0) is read
    assert done.stdout == ("bytes\n" if read else "")
    assert read or "CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert not read or done.stderr == ""


# How much, and how long


def test_no_more_than_the_limit_is_read_of_a_stream_without_end() -> None:
    """Chunked, so without a length; the connection is dropped."""

    def endless(connection: Connection, _: str) -> None:
        connection.sendall(answer(b"", "Transfer-Encoding: chunked"))
        while True:
            connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")

    with answering(endless) as server:
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url, max_bytes=1_000_000))
        assert refused.reason is RejectionReason.TOO_LARGE
        time.sleep(0.5)
        there = server.sent
        time.sleep(0.5)
        assert server.sent == there
    assert there < 20_000_000


@pytest.mark.parametrize("length", ["101", "999999999999"])
def test_a_stated_length_above_the_limit_is_enough(length: str) -> None:
    """Nothing of the body is waited for."""
    with answering(answer(b"", f"Content-Length: {length}")) as server:
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url))
    assert refused.reason is RejectionReason.TOO_LARGE
    assert length in str(refused)


@pytest.mark.parametrize("headers", [[], ["Content-Length: 5"], ["Transfer-Encoding: chunked"]])
def test_a_file_of_the_limit_is_read_and_one_byte_more_is_not(headers: list[str]) -> None:
    """Whatever the server says of its length."""
    for extra, expected in ((0, None), (1, RejectionReason.TOO_LARGE)):
        body = bytes(100 + extra)
        stated = [line.replace("5", str(len(body))) for line in headers]
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if "chunked" in str(headers) else body
        with answering(answer(sent, *stated)) as server:
            if expected is None:
                assert len(read_image(f"{server.url}/a.jpg", allowing(server.url))) == 100
            else:
                assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is expected


def test_a_body_that_ends_before_its_stated_length_is_not_the_file() -> None:
    """It was cut off on the way."""
    with answering(answer(b"half", "Content-Length: 8")) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is RejectionReason.UNREADABLE


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "x-anything"])
def test_a_compressed_body_is_refused(coding: str) -> None:
    """A few kB of it can become gigabytes, and it was asked not to be."""
    with answering(answer(b"\x1f\x8b", f"Content-Encoding: {coding}")) as server:
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url))
    assert refused.reason is RejectionReason.UNREADABLE
    assert coding in str(refused)


def dripping_body(connection: Connection, _: str) -> None:
    """A byte now and then."""
    connection.sendall(answer(b"", "Content-Length: 90"))
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def dripping_head(connection: Connection, _: str) -> None:
    """A header that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def silent(_: Connection, __: str) -> None:
    """Nothing."""
    time.sleep(20)


def moving(connection: Connection, _: str) -> None:
    """Elsewhere, after a while."""
    time.sleep(0.7)
    connection.sendall(redirect("/again.jpg"))


@pytest.mark.parametrize("how", [dripping_body, dripping_head, silent, moving])
def test_one_clock_runs_over_the_whole_read(how: object) -> None:
    """Over headers, body, redirects and tries together."""
    with answering(how) as server:  # type: ignore[arg-type]  # each is an Answer
        began = time.monotonic()
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url, seconds=2))
    assert 1.9 < time.monotonic() - began < 6
    assert refused.reason is RejectionReason.UNREADABLE
    assert "2 s" in str(refused)


def test_a_server_that_falls_silent_is_not_waited_for_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time without a byte has a limit of its own."""
    monkeypatch.setattr(web, "IDLE_SECONDS", 0.3)
    with serving(FileServer(body=b"bytes", hangs_after=2)) as server:
        began = time.monotonic()
        names = resolver(("127.0.0.1",))  # a new one, so that the session is new
        place = Location.parse(f"http://shop.example:{server.url.rpartition(':')[2]}/a.jpg")
        with pytest.raises(TimeoutError):
            read_web(place, allowing("http://shop.example:" + server.url.rpartition(":")[2]), Deadline(20), names)
    assert time.monotonic() - began < 5


def headers_without_end(connection: Connection, _: str) -> None:
    """One after the other."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")


def one_header_without_end(connection: Connection, _: str) -> None:
    """Never a line's end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"x" * 65536)


def chunk_size_without_end(connection: Connection, _: str) -> None:
    """A chunk whose extension never ends."""
    connection.sendall(answer(b"", "Transfer-Encoding: chunked") + b"5;")
    while True:
        connection.sendall(b"x" * 65536)


def trailers_without_end(connection: Connection, _: str) -> None:
    """After a body that is fine."""
    connection.sendall(answer(b"", "Transfer-Encoding: chunked") + b"5\r\nbytes\r\n0\r\n")
    while True:
        connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")


def information_without_end(connection: Connection, _: str) -> None:
    """Provisional answers only."""
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 100)


@pytest.mark.parametrize(
    "how",
    [
        headers_without_end,
        one_header_without_end,
        chunk_size_without_end,
        trailers_without_end,
        information_without_end,
    ],
)
def test_what_is_around_the_body_is_bounded_too(how: object) -> None:
    """The connection is dropped, or the clock runs out, and memory does not grow."""
    import psutil

    process = psutil.Process()
    with answering(how) as server:  # type: ignore[arg-type]  # each is an Answer
        before = process.memory_info().rss
        rejection(f"{server.url}/a.jpg", allowing(server.url, seconds=3))
        assert process.memory_info().rss - before < 60_000_000
        time.sleep(0.5)
        there = server.sent
        time.sleep(0.5)
        assert server.sent == there


@pytest.mark.parametrize("text", [b"", b"not http\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 100, b"SSH-2.0-x\r\n"])
def test_what_is_no_web_server_is_one_rejection(text: bytes) -> None:
    """Whatever it says."""
    with answering(text) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is RejectionReason.UNREADABLE


def test_a_host_that_does_not_exist_is_one_rejection() -> None:
    """Like a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for url in ("https://no-such-host.invalid", f"http://127.0.0.1:{port}"):
        assert rejection(f"{url}/a.jpg", allowing(url)).reason is RejectionReason.UNREADABLE
