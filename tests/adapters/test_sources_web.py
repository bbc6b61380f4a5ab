"""Photographs over HTTP and HTTPS, from real servers on loopback: allowed hosts, sizes and timeouts."""

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
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Location, Reading, parse_prefixes
from tests.file_server import FileServer, serving
from tests.raw_server import Connection, answering

PUBLIC = "192.88.99.77"
"""A public internet address at which nothing answers."""


def allowing(*prefixes: str, max_bytes: int = 100, seconds: float = 30) -> Reading:
    """The allowed sources."""
    return Reading(allowed=parse_prefixes(prefixes), max_bytes=max_bytes, seconds=seconds)


def rejection(uri: str, reading: Reading) -> ImageRejected:
    """How reading it fails; a later run always tries it again."""
    with pytest.raises(ImageRejected) as caught:
        read_image(uri, reading)
    assert caught.value.retryable
    return caught.value


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""]).encode() + body


def redirect(target: str) -> bytes:
    """An answer that redirects elsewhere."""
    return answer(b"", f"Location: {target}", "Content-Length: 0", status="302 Found")


def test_a_photograph_is_read() -> None:
    """It takes one request, which does not ask for compression."""
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


def test_a_busy_server_is_asked_again() -> None:
    """503 means that it may answer later."""
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
def test_a_failed_download_is_rejected_until_a_later_run(status: int, reason: RejectionReason) -> None:
    """A part is not taken for the whole."""
    with answering(answer(b"bytes", "Content-Length: 5", status=f"{status} Status")) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is reason


def test_a_signed_url_is_requested_byte_for_byte() -> None:
    """Its signature covers the exact spelling."""
    target = "/a%2fb%2F%7e/../c%20d;v=1?X-Sig=a%2Bb%2f+c&e=[1]&f=é"
    with answering(answer(b"bytes")) as server:
        read_image(f"{server.url}{target}", allowing(server.url))
    assert server.asked[0].startswith("GET /a%2fb%2F%7e/../c%20d;v=1?X-Sig=a%2Bb%2f+c&e=[1]&f=%C3%A9 HTTP/1.1\r\n")


def test_credentials_are_sent_to_their_own_host_only() -> None:
    """They go out as HTTP basic authentication, never to a redirect, and messages do not show them."""
    with answering(answer(b"bytes")) as other, answering(redirect(f"{other.url}/b.jpg")) as server:
        uri = f"{server.url.replace('//', '//me:p%40ss@')}/a.jpg"
        assert read_image(uri, allowing(server.url, other.url)) == b"bytes"
        assert "p%40ss" not in str(rejection(uri, allowing(server.url)))
    assert "Authorization: Basic bWU6cEBzcw==" in server.asked[0]
    assert "Authorization" not in other.asked[0]


# Allowed hosts


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "[::ffff:127.0.0.1]", "LOCALHOST.", "0.0.0.0"])
def test_loopback_is_refused_by_default(host: str) -> None:
    """All public hosts are allowed; the message says what to allow, and no connection was made."""
    with answering(answer(b"private")) as server:
        refused = rejection(f"http://{host}:{server.port}/a.jpg", allowing("http://"))
        assert refused.reason is RejectionReason.NOT_ALLOWED
        assert 'add "http://' in str(refused)
        assert f':{server.port}/" to allowed_sources' in str(refused)
    assert server.asked == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"])
def test_loopback_written_as_a_number_is_refused(host: str) -> None:
    """Resolvers take these for 127.0.0.1."""
    with answering(answer(b"private")) as server:
        refused = rejection(f"http://{host}:{server.port}/a.jpg", allowing("http://"))
        assert refused.reason is RejectionReason.NOT_ALLOWED
    assert server.asked == []


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "100.64.0.1", "[::1]", "[fe80::1]", "[fd00::1]", "224.0.0.1"]
)
def test_a_private_address_is_refused(address: str) -> None:
    """It is refused before any connection, which would be unreadable."""
    refused = rejection(f"http://{address}/latest/meta-data", allowing("http://"))
    assert refused.reason is RejectionReason.NOT_ALLOWED


def test_a_private_host_that_the_site_names_is_allowed() -> None:
    """It is allowed by its prefix, with its port."""
    with answering(answer(b"bytes")) as server:
        assert read_image(f"{server.url}/a.jpg", allowing("https://", f"{server.url}/")) == b"bytes"
        refused = rejection(f"{server.url}/a.jpg", allowing("https://", "http://127.0.0.1/"))
        assert refused.reason is RejectionReason.NOT_ALLOWED


def test_allowing_https_does_not_allow_plain_http() -> None:
    """Anybody in between could read and change it."""
    assert rejection("http://example.com/a.jpg", allowing("https://")).reason is RejectionReason.NOT_ALLOWED


@pytest.mark.parametrize("kind", ["absolute", "other scheme", "file", "relative to nowhere", "object"])
def test_a_redirect_may_lead_only_where_the_site_allows(kind: str) -> None:
    """Each hop is checked like the first address."""
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


def test_a_redirect_within_the_allowed_hosts_is_followed() -> None:
    """A relative one is too, and the new address is requested as written."""

    def answers(connection: Connection, line: str) -> None:
        moved = line.startswith("GET /moved")
        connection.sendall(answer(b"bytes") if moved else redirect("moved%2fhere?a=%2F"))

    with answering(answers) as server:
        assert read_image(f"{server.url}/x/../a.jpg", allowing(server.url)) == b"bytes"
    assert server.asked[-1].startswith("GET /moved%2fhere?a=%2F ")


def test_a_redirect_cycle_ends() -> None:
    """It ends after a few hops."""
    with answering(redirect("/a.jpg")) as server:
        assert "redirects" in str(rejection(f"{server.url}/a.jpg", allowing(server.url)))
    assert len(server.asked) == web.REDIRECTS + 1


@pytest.mark.parametrize("target", ["", "http://[", "http://a\x01b/", "\xff\xfe"])
def test_an_invalid_redirect_is_one_rejection(target: str) -> None:
    """This holds whatever the server writes there."""
    with answering(redirect(target)) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url))


class Flipping(AbstractResolver):
    """An attacker's name server, which gives the next answer to each query."""

    answers: tuple[tuple[str, ...], ...] = ()
    asked: list[str] = []  # noqa: RUF012 -- the class itself is the fake, made anew by each test

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 -- the name is aiohttp's
    ) -> list[ResolveResult]:
        """The next answer, starting again after the last."""
        addresses = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


def resolver(*answers: tuple[str, ...]) -> type[Flipping]:
    """The resolver of an attacker."""
    return type("Resolver", (Flipping,), {"answers": answers, "asked": []})


@pytest.mark.parametrize("answers", [(("127.0.0.1",),), (("10.0.0.1", "127.0.0.1"),)])
def test_a_name_that_resolves_to_a_private_address_is_refused(answers: tuple[tuple[str, ...], ...]) -> None:
    """The message has the addresses that were found."""
    with answering(answer(b"private")) as server:
        place = Location.parse(f"http://shop.example:{server.port}/a.jpg")
        with pytest.raises(ImageRejected, match=answers[0][0]) as caught:
            read_web(place, allowing("http://"), Deadline(5), resolver(*answers))
    assert caught.value.reason is RejectionReason.NOT_ALLOWED
    assert server.asked == []


@pytest.mark.parametrize("answers", [((PUBLIC,), ("127.0.0.1",)), ((PUBLIC, "127.0.0.1"),)])
def test_dns_rebinding_is_prevented(answers: tuple[tuple[str, ...], ...]) -> None:
    """The connection goes to the address that was checked and never to a later answer."""
    names = resolver(*answers)
    with answering(answer(b"private")) as server:
        place = Location.parse(f"http://shop.example:{server.port}/a.jpg")
        for _ in range(2):
            with pytest.raises((OSError, ImageRejected)):
                read_web(place, allowing("http://"), Deadline(1), names)
    assert names.asked
    assert server.asked == []


def test_a_host_that_the_site_names_may_resolve_to_any_address() -> None:
    """A prefix with a host trusts that host's name server."""
    with answering(answer(b"bytes")) as server:
        place = Location.parse(f"http://images.internal:{server.port}/a.jpg")
        reading = allowing(f"http://images.internal:{server.port}")
        assert read_web(place, reading, Deadline(5), resolver(("127.0.0.1",))).data == b"bytes"
    assert f"Host: images.internal:{server.port}" in server.asked[0]


def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name by itself and reach what we may not."""
    with answering(answer(b"proxy")) as proxy, answering(answer(b"bytes")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert read_image(f"{server.url}/a.jpg", allowing(server.url)) == b"bytes"
    assert proxy.asked == []


# TLS


def certificate(folder: Path, host: str) -> ssl.SSLContext:
    """A server's context with a self-signed certificate for `host`, which is in `folder` as ca.pem."""
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
def test_tls_verifies_the_host_name_and_sends_it(tmp_path: Path, named: str, read: bool) -> None:
    """The connection goes to an address, and a certificate of another host is refused."""
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


# Sizes and timeouts


def test_an_endless_stream_is_read_up_to_the_limit() -> None:
    """It is chunked, so it has no length, and the connection is dropped."""

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
def test_a_stated_length_above_the_limit_is_refused(length: str) -> None:
    """The body is not waited for."""
    with answering(answer(b"", f"Content-Length: {length}")) as server:
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url))
    assert refused.reason is RejectionReason.TOO_LARGE
    assert length in str(refused)


@pytest.mark.parametrize("headers", [[], ["Content-Length: 5"], ["Transfer-Encoding: chunked"]])
def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_refused(headers: list[str]) -> None:
    """The server's stated length does not matter."""
    for extra, expected in ((0, None), (1, RejectionReason.TOO_LARGE)):
        body = bytes(100 + extra)
        stated = [line.replace("5", str(len(body))) for line in headers]
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if "chunked" in str(headers) else body
        with answering(answer(sent, *stated)) as server:
            if expected is None:
                assert len(read_image(f"{server.url}/a.jpg", allowing(server.url))) == 100
            else:
                assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is expected


def test_a_body_shorter_than_its_stated_length_is_refused() -> None:
    """It was cut off on the way."""
    with answering(answer(b"half", "Content-Length: 8")) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is RejectionReason.UNREADABLE


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "x-anything"])
def test_a_compressed_body_is_refused(coding: str) -> None:
    """A few kB of it can expand to gigabytes, and compression was not requested."""
    with answering(answer(b"\x1f\x8b", f"Content-Encoding: {coding}")) as server:
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url))
    assert refused.reason is RejectionReason.UNREADABLE
    assert coding in str(refused)


def dripping_body(connection: Connection, _: str) -> None:
    """Sends a byte from time to time."""
    connection.sendall(answer(b"", "Content-Length: 90"))
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def dripping_head(connection: Connection, _: str) -> None:
    """Sends a header that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def silent(_: Connection, __: str) -> None:
    """Sends nothing."""
    time.sleep(20)


def moving(connection: Connection, _: str) -> None:
    """Redirects after a while."""
    time.sleep(0.7)
    connection.sendall(redirect("/again.jpg"))


@pytest.mark.parametrize("how", [dripping_body, dripping_head, silent, moving])
def test_one_clock_covers_the_whole_read(how: object) -> None:
    """It covers headers, body, redirects and retries together."""
    with answering(how) as server:  # type: ignore[arg-type]  # each is an Answer
        began = time.monotonic()
        refused = rejection(f"{server.url}/a.jpg", allowing(server.url, seconds=2))
    assert 1.9 < time.monotonic() - began < 6
    assert refused.reason is RejectionReason.UNREADABLE
    assert "2 s" in str(refused)


def test_a_silent_server_times_out_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time without a byte has its own limit."""
    monkeypatch.setattr(web, "IDLE_SECONDS", 0.3)
    with serving(FileServer(body=b"bytes", hangs_after=2)) as server:
        began = time.monotonic()
        names = resolver(("127.0.0.1",))  # a new source, so that the session is new
        place = Location.parse(f"http://shop.example:{server.url.rpartition(':')[2]}/a.jpg")
        with pytest.raises(TimeoutError):
            read_web(place, allowing("http://shop.example:" + server.url.rpartition(":")[2]), Deadline(20), names)
    assert time.monotonic() - began < 15


def headers_without_end(connection: Connection, _: str) -> None:
    """Sends one header after the other."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")


def one_header_without_end(connection: Connection, _: str) -> None:
    """Sends a header line that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"x" * 65536)


def chunk_size_without_end(connection: Connection, _: str) -> None:
    """Sends a chunk whose extension never ends."""
    connection.sendall(answer(b"", "Transfer-Encoding: chunked") + b"5;")
    while True:
        connection.sendall(b"x" * 65536)


def trailers_without_end(connection: Connection, _: str) -> None:
    """Sends endless trailers after a valid body."""
    connection.sendall(answer(b"", "Transfer-Encoding: chunked") + b"5\r\nbytes\r\n0\r\n")
    while True:
        connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")


def information_without_end(connection: Connection, _: str) -> None:
    """Sends only provisional answers."""
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
def test_headers_and_trailers_are_bounded_too(how: object) -> None:
    """The connection is dropped or the clock runs out, and memory does not grow."""
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
def test_a_server_that_does_not_speak_http_is_one_rejection(text: bytes) -> None:
    """This holds whatever it sends."""
    with answering(text) as server:
        assert rejection(f"{server.url}/a.jpg", allowing(server.url)).reason is RejectionReason.UNREADABLE


def test_an_unknown_host_is_one_rejection() -> None:
    """So is a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for url in ("https://no-such-host.invalid", f"http://127.0.0.1:{port}"):
        assert rejection(f"{url}/a.jpg", allowing(url)).reason is RejectionReason.UNREADABLE
