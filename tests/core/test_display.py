"""Text is redacted, escaped and quoted before anybody sees it."""

from __future__ import annotations

import shlex
import subprocess

import pyarrow as pa
import pytest

from cutouts.core.errors import ConfigError, ImageRejected, StorageError
from cutouts.core.records import ImageRecord
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.text.display import command, printable, redacted, shown, stored_uri, stored_uris

SECRET = "s3cr3t"
HEX = "0f3a91c27be4d5860f3a91c27be4d586"
BASE64 = "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoi"

WITH_SECRETS = [
    f"https://user:{SECRET}@shop.example.com/a.jpg",
    f"https://{SECRET}@shop.example.com/a.jpg",
    f"https://user:{SECRET}@127.0.0.1:8080/a.jpg",
    f"//user:{SECRET}@shop.example.com/a.jpg",
    f"s3://key:{SECRET}@bucket/a.jpg",
    f"abfs://container:{SECRET}@account.dfs.core.windows.net/a.jpg",
    f"postgresql://shop:{SECRET}@db/shop",
    f"postgresql+psycopg://shop:a/{SECRET} b@db:5432/shop",
    f"postgresql://shop:1/{SECRET}@db/shop",
    f"postgresql://shop:a@{SECRET}@db/shop",
    f"postgresql://db/shop?user=shop&password={SECRET}",
    f"postgresql://db/shop?password=it's{SECRET}#;x&sslmode=require",
    f"postgresql://db/shop?sslmode=require&sslpassword={SECRET}",
    f"https://h/a.jpg?X-Amz-Date=1&X-Amz-Signature={SECRET}&X-Amz-Expires=60",
    f"https://h/a.jpg?X-Amz-Security-Token={SECRET}",
    f"https://h/a.jpg?X-Amz-Credential={SECRET}%2F20260101",
    f"https://h/a.jpg?AWSAccessKeyId={SECRET}&Expires=1",
    f"https://h/a.jpg?x-goog-signature={SECRET}",
    f"https://h/a.jpg?sv=2024-05-04&sp=r&sig={SECRET}",
    f"https://h/a.jpg?Expires=1&Signature={SECRET}&Key-Pair-Id=K",
    f"https://h/a.jpg?OSSAccessKeyId=x&Signature={SECRET}",
    f"https://h/a.jpg?hdnts=exp=1~acl=/*~hmac={SECRET}",
    f"https://h/exp=1~acl=/*~hmac={SECRET}/a.jpg",
    f"https://h/a.jpg?access_token={SECRET}",
    f"https://h/a.jpg?api-key={SECRET}",
    f"https://h/a.jpg#token={SECRET}",
    f"https://h/a.jpg?%74oken={SECRET}",
    f"https://h/resize?url=https%3A%2F%2Fu%3A{SECRET}%40h%2Fa.jpg",
    f"https://h/a.jpg?s={HEX}",
    f"https://h/a.jpg?verify=1700000000-{BASE64}",
    f"https://h/a.jpg?a=1;sig={SECRET}",
    f"https://h/a.jpg?sig=a;{SECRET}&b=1",
    f"http:/user:{SECRET}@shop.example.com/a.jpg",
    f"/user:{SECRET}@shop.example.com/a.jpg",
    f"host=db user=shop password={SECRET}",
    f"host=db password='a {SECRET}' user=shop",
    f"{{'user': 'shop', 'password': 'a {SECRET}'}}",
    f'{{"aws_secret_access_key": "{SECRET}"}}',
    f"PGPASSWORD={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"{{'Authorization': 'Basic {SECRET}'}}",
]

HARMLESS = [
    "https://h:8443/p/shoe@2x.jpg",
    "https://h/a.jpg?file=summer-2024-collection-shoe-left.jpg&w=800&q=75",
    "https://h/%2Fa%20b.jpg?id=1234567",
    "abfs://container@account.dfs.core.windows.net/a.jpg",
    "postgresql://shop@db.example.com/shop",
    "sqlite:////srv/site/catalog.sqlite",
    "tcp://10.0.0.5:8786",
    "https://[::1]:8443/a@b",
    "the token: it is missing",
    "/photographs/a b/shoe, left.jpg",
    "/srv/site/tables/ledger/masks/recipe=5eeadea678b08836-2a1318ac3278e479/p.parquet is damaged",
]


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_no_secret_is_left(text: str) -> None:
    """A URL, connection string, dictionary or header may hold it; redacting twice gives the same."""
    hidden = redacted(text)
    for secret in (SECRET, HEX, BASE64):
        assert secret not in hidden
    assert "***" in hidden
    assert redacted(hidden) == hidden


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_no_secret_is_left_in_a_library_s_message(text: str) -> None:
    """It may be within sentences, quotation marks or brackets."""
    for said in (f"Cannot connect ({text}): refused", f"url='{text}', status=403", f'<Request "{text}">', f"{text}\nx"):
        assert not [secret for secret in (SECRET, HEX, BASE64) if secret in redacted(said)]


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_unchanged(text: str) -> None:
    """Ports, retina names, sizes, containers and users without a password are needed to understand a message."""
    assert redacted(text) == text


def test_the_rest_of_a_url_stays_readable() -> None:
    """A person can still see the host and the request."""
    url = f"https://u:{SECRET}@h/a%2Fb.jpg?w=800&X-Amz-Expires=60&X-Amz-Signature={SECRET}&v=2"
    assert redacted(url) == "https://***@h/a%2Fb.jpg?w=800&X-Amz-Expires=60&X-Amz-Signature=***&v=2"


@pytest.mark.parametrize("after", [": 404 Not Found", ", again", ".", "): refused", ":", "!"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"https://h/a.jpg?sig={SECRET}", "https://h/a.jpg?sig=***"),
        (f"https://h/a.jpg?w=1&token={SECRET}.{SECRET}", "https://h/a.jpg?w=1&token=***"),
        (f"https://h/hmac={SECRET}", "https://h/hmac=***"),
        (f"host=db password={SECRET}", "host=db password=***"),
        (f"Authorization: Bearer {SECRET}", "Authorization: ***"),
    ],
)
def test_the_punctuation_after_an_address_stays(text: str, told: str, after: str) -> None:
    """The message continues after the address; a secret is hidden up to there, including dots within it."""
    assert redacted(f"{text}{after}") == f"{told}{after}"


def test_addresses_that_differ_only_in_a_random_value_stay_different() -> None:
    """A random id is hidden without confusing two images; a new signature is not a new image."""
    one, other = (stored_uri(f"https://h/image?id={name}") for name in (HEX, HEX[::-1]))
    assert one != other
    signed = {stored_uri(f"https://h/a.jpg?sig={signature}") for signature in (HEX, BASE64, "x")}
    assert signed == {"https://h/a.jpg?sig=***"}


def test_a_local_path_is_unchanged() -> None:
    """A file may have any name."""
    for path in ("/photographs/a#sig=1/b.jpg", "file:///photographs/a?token=1.jpg"):
        assert stored_uri(path) == path


@pytest.mark.parametrize("start", ["//", "http:/", "https:\\\\", "\\\\", "HTTPS:/"])
def test_secrets_in_a_malformed_url_are_hidden(start: str) -> None:
    """Such text counts as a plain path but was not typed as one."""
    uri = f"{start}user:{SECRET}@h/a.jpg?token={SECRET}"
    assert stored_uri(uri) == f"{start}***@h/a.jpg?token=***"
    assert stored_uris(pa.chunked_array([[uri, "/a.jpg"]])).to_pylist() == [stored_uri(uri), "/a.jpg"]


def test_columns_are_redacted_like_single_uris() -> None:
    """This holds row by row, across chunks, nulls included."""
    uris = [f"https://h/a.jpg?sig={SECRET}", None, "/a#sig=1.jpg", "https://h/b.jpg", "https://u:p@h/c.jpg"]
    column = pa.chunked_array([pa.array(uris[:2]), pa.array([], pa.string()), pa.array(uris[2:])])
    assert stored_uris(column).to_pylist() == [uri and stored_uri(uri) for uri in uris]
    plain = pa.chunked_array([pa.array(["/a.jpg", "https://h/b.jpg"])])
    assert stored_uris(plain).equals(plain)


def test_our_errors_show_no_secret_and_do_not_control_the_terminal() -> None:
    """This holds for every caller, whatever a library put into the text."""
    url = f"https://h/a.jpg?sig={SECRET}"
    for error in (
        StorageError(f"{url}: \x1b[2J"),
        ImageRejected(RejectionReason.UNREADABLE, f"{url}\n\x1b[2J"),
        ConfigError(f"{url} \x1b[2J", [f"{url}\nrefused: all\x1b[2J"]),
    ):
        assert SECRET not in str(error) + repr(error)
        assert "\x1b" not in str(error)
    assert "\n" not in ImageRejected(RejectionReason.UNREADABLE, "a\nb").detail


def test_the_repr_of_a_record_does_not_show_its_uri() -> None:
    """Dask logs the arguments of a failed task."""
    record = ImageRecord(image_id="a", product_id="a", delivery_id="d", uri=f"https://h/a.jpg?sig={SECRET}")
    assert SECRET not in repr(record)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("gpj.\u202etxt", r"gpj.\u202etxt"),
        ("\ufeffa\u2028b", r"\ufeffa\u2028b"),
        ("caf\udce9.jpg", r"caf\xe9.jpg"),
        ("靴 Größe 42 – 👩\u200d👧", "靴 Größe 42 – 👩\u200d👧"),
    ],
)
def test_control_characters_are_escaped(text: str, told: str) -> None:
    """Escapes, bidirectional marks, new lines and invalid bytes are escaped; letters of all scripts stay."""
    assert shown(text) == told
    assert told.encode()


def test_our_own_line_breaks_are_kept() -> None:
    """A list of problems has one line for each."""
    assert printable("a\n  - b\x1b\tc", lines=True) == "a\n  - b\\x1b\tc"


@pytest.mark.parametrize("word", ["2026-11-22/studio a", "it's", "$(reboot)", "a\x1b[2J'\\b", "靴", "-x", ""])
def test_a_printed_command_can_be_pasted_into_a_shell(word: str) -> None:
    """Each word arrives unchanged, and none is run."""
    line = command("printf", "%s", word)
    assert "\x1b" not in line
    told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout
    assert told == word
    assert shlex.split(command("cutouts", "publish", "--approve", "2026-11-22/a"))[-1] == "2026-11-22/a"
