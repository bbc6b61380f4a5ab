"""URIs are parsed, and prefixes cover parts of them."""

from __future__ import annotations

import inspect

import pytest
from fsspec.implementations.chained import ChainedFileSystem
from fsspec.registry import get_filesystem_class, known_implementations

from cutouts.core.sources.locations import CHAINING, Location, Prefix, Reading, parse_prefixes


@pytest.mark.parametrize(
    "name",
    [
        "/p/a::b.jpg", "/p/data:x,y.jpg", "/p/a%20b.jpg", "/p/a#1.jpg", "/p/a?b=c.jpg", "/p/http://x", "/p/zip::s3://b/k",
        "data:image/png;base64,AAAA", "a::b.jpg", "./zip::a.jpg", "zip:a.jpg", "zip/a::b.jpg", "unzip::a.jpg",
        "s3::a.jpg", "file:a.jpg", "s3:a.jpg", "C:\\a.jpg", "~/a.jpg",
    ],
)  # fmt: skip
def test_a_plain_path_is_taken_literally(name: str) -> None:
    """Nothing in it is decoded or taken for a protocol."""
    assert Location.parse(name) == Location(scheme="file", authority="", path=name)


def test_a_file_uri_is_decoded() -> None:
    """`Path.as_uri` wrote it, also for names that are not text."""
    assert Location.parse("file:///p/a%20b%23c%253A.jpg").path == "/p/a b#c%3A.jpg"
    assert Location.parse("FILE://localhost/a.jpg").path == "/a.jpg"
    assert Location.parse("file:///a%FF.jpg").path == "/a\udcff.jpg"


@pytest.mark.parametrize(
    "uri",
    [
        "file://fileserver/share/a.jpg", "file://", "file:///a%00.jpg", "/a\0.jpg", "zip://a.jpg::s3://b/k.zip",
        "reference://k::http://h/refs.json", "simplecache::https://h/a.jpg", "filecache::zip::file:///a", "memory://a",
        "ftp://h/a.jpg", "gcs://b/k", "github://o:r@/a", "s3://", "s3:///k", "s3://b/../c/k", "s3://b/a/./k", "gs://b/..",
    ],
)  # fmt: skip
def test_unsupported_uris_are_refused(uri: str) -> None:
    """These are other protocols, chains, files of other machines, and keys that climb out of their bucket."""
    with pytest.raises(ValueError, match=r".+"):
        Location.parse(uri)


@pytest.mark.parametrize("protocol", CHAINING)
def test_a_chain_is_reported_as_a_chain(protocol: str) -> None:
    """It may continue with another address, a path or a name, in capitals too."""
    for uri in (f"{protocol}::https://h/a.jpg", f"{protocol}::/etc/passwd", f"{protocol.upper()}::a.jpg"):
        with pytest.raises(ValueError, match=r"a chain of addresses \(`\w+::…`\) is not supported"):
            Location.parse(uri)


def test_every_protocol_that_fsspec_chains_is_known() -> None:
    """These open another file system or a file of one."""
    assert {name for name in known_implementations if _chains(name)} <= set(CHAINING)


def _chains(protocol: str) -> bool:
    try:
        kind = get_filesystem_class(protocol)
    except (ImportError, ValueError):  # the client is not installed
        return False
    return issubclass(kind, ChainedFileSystem) or "target_protocol" in inspect.signature(kind).parameters


def test_a_key_may_look_like_a_chain() -> None:
    """The key of an object is taken as written."""
    assert Location.parse("s3://b/a::b%20c#1.jpg").path == "a::b%20c#1.jpg"


def test_a_signed_url_keeps_every_byte() -> None:
    """Its encoding and case are kept, and only characters that no URL may hold are encoded."""
    place = Location.parse("https://h/a%2fb%2F%7E~/c;d=1,2?X-Sig=a%2Bb%2f+c&e=[1]&f=%zz#part")
    assert place.path == "/a%2fb%2F%7E~/c;d=1,2?X-Sig=a%2Bb%2f+c&e=[1]&f=%zz"
    assert Location.parse("https://h/schöne schuhe.jpg").path == "/sch%C3%B6ne%20schuhe.jpg"


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        ("https://Shop.Example.COM/a", "shop.example.com:443"),
        ("https://shop.example.com.:8443/a", "shop.example.com:8443"),
        ("http://user:p%40ss@h?x", "h:80"),
        ("https://allowed@evil/a", "evil:443"),
        ("https://bücher.example/a", "xn--bcher-kva.example:443"),
        ("http://[0:0::1]:8080/a", "[::1]:8080"),
        ("http://[::FFFF:127.0.0.1]/a", "[::ffff:7f00:1]:80"),
        ("http://127.0.0.1/a", "127.0.0.1:80"),
        ("http://１２７．０．０．１/a", "127.0.0.1:80"),
    ],
)
def test_a_host_has_one_spelling(uri: str, authority: str) -> None:
    """Case, default port, final dot, IDNA and zeros of IPv6 do not matter; text before an @ is not a host."""
    assert Location.parse(uri).authority == authority


@pytest.mark.parametrize(
    "uri",
    [
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0/", "http://1.2.3.0x4/",
        "http://010.0.0.1/", "http:///a", "http://", "https://h:99999/", "https://h:0/", "https://h:x/", "http://h\\@evil/",
        "http://h\n/", "http://h/\r\nHost: evil", "http://[::1/", "http://[fe80::1%25eth0]/", "http://[127.0.0.1]/",
        "http://a b/", "http://℀.example/", "http://h%2eexample/", "http://-.-*/", f"http://{'a' * 64}.example/",
    ],
)  # fmt: skip
def test_an_ambiguous_web_address_is_refused(uri: str) -> None:
    """Examples are numbers read as addresses, control characters, broken brackets and odd ports."""
    with pytest.raises(ValueError, match="not a web address"):
        Location.parse(uri)


@pytest.mark.parametrize(
    ("prefix", "covered", "outside"),
    [
        ("/photos", ["/photos", "/photos/a.jpg", "/photos//a.jpg"], ["/photos2/a.jpg", "/a.jpg", "s3://photos/a.jpg"]),
        ("/photos/", ["/photos/a/b.jpg"], ["/photosa.jpg"]),
        ("/", ["/etc/passwd"], ["https://h/a"]),
        ("file:///my%20photos", ["/my photos/a.jpg"], ["/my%20photos/a.jpg"]),
        ("s3://shop", ["s3://shop/a", "s3://shop/a/b"], ["s3://shop2/a", "gs://shop/a", "https://shop/a"]),
        ("s3://shop/in/", ["s3://shop/in/a", "s3://shop/in"], ["s3://shop/inner/a", "s3://shop//in/a", "s3://shop/a"]),
        ("s3://", ["s3://any/a"], ["gs://any/a"]),
        ("https://", ["https://h/a", "https://h:8443/a"], ["http://h/a"]),
        ("https://h", ["https://h/", "https://H:443/../a"], ["https://h:8443/", "https://h.evil/", "https://evil/h"]),
        ("http://in:8080/", ["http://in:8080/a"], ["http://in/a", "https://in:8080/a"]),
        (
            "https://h/a/b",
            ["https://h/a/b", "https://h/a/b/c?x", "https://h/%61/b/c"],
            ["https://h/a", "https://h/a/bc", "https://h/a/b/../c", "https://h/a/b/%2e%2e/c", "https://h/a/b/..%2Fc"],
        ),
        ("https://h/a", [], ["https://h/a/..\\..\\b", "https://h/a%2Fb/../c", "https://h/a%2Fb"]),
    ],
)
def test_a_prefix_covers_whole_parts(prefix: str, covered: list[str], outside: list[str]) -> None:
    """Scheme, host or bucket and the parts of the path are compared; a path with `..` is in no folder."""
    parsed = Prefix.parse(prefix)
    assert [uri for uri in covered if not parsed.covers(Location.parse(uri))] == []
    assert [uri for uri in outside if parsed.covers(Location.parse(uri))] == []


@pytest.mark.parametrize(
    "text", ["photos", "", "~/photos", "ftp://h/", "https://user:pw@h/", "https://h/?a=b", "h:443"]
)
def test_invalid_prefixes_are_refused(text: str) -> None:
    """All of them are named at once."""
    with pytest.raises(ValueError, match="'also wrong'"):
        parse_prefixes(["/fine", text, "also wrong"])


def test_a_prefix_that_names_the_host_is_preferred() -> None:
    """It allows the host whatever its address."""
    reading = Reading(allowed=parse_prefixes(["https://", "https://in/"]), max_bytes=1, seconds=1)
    named, any_host = (reading.covering(Location.parse(uri)) for uri in ("https://in/a", "https://h/a"))
    assert named is not None
    assert named.names_host
    assert any_host is not None
    assert not any_host.names_host
    assert reading.covering(Location.parse("http://in/a")) is None


def test_a_location_is_shown_without_login_and_signature() -> None:
    """Messages are stored and printed."""
    assert str(Location.parse("https://me:pw@h:8443/a/b.jpg?X-Amz-Signature=abc")) == "https://h:8443/a/b.jpg"
    assert str(Location.parse("s3://b/a/b.jpg")) == "s3://b/a/b.jpg"
    assert str(Location.parse("/a/b.jpg")) == "/a/b.jpg"


def test_what_to_allow_is_a_folder_a_bucket_or_a_host() -> None:
    """It is a prefix that a person can copy into the settings."""
    places = ["/a/b.jpg", "/b.jpg", "s3://b/a/b.jpg", "https://h/a/b.jpg", "http://[::1]:80/b", "http://h:8080/a"]
    expected = ["/a", "/", "s3://b/", "https://h/", "http://[::1]/", "http://h:8080/"]
    assert [Location.parse(uri).folder for uri in places] == expected
    assert all(Prefix.parse(Location.parse(uri).folder).covers(Location.parse(uri)) for uri in places)
