"""Forms as programs and browsers write them, and forms that are wrong."""

from __future__ import annotations

import httpx
import pytest

from cutouts.server.forms import file_in_form

_TYPE = "multipart/form-data; boundary=x"


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n--", b"--\r\n\r\n--", bytes(range(256)) * 1000, b"\r\n\r\n\r\n"])
def test_the_file_is_found_unchanged(data: bytes) -> None:
    """Among other fields and files, with any content; the form is written by another library."""
    given = httpx.Request(
        "POST",
        "http://localhost",
        data={"note": "image", "other": "x" * 500},
        files={"photo": ("b.jpg", b"another"), "image": ('sho"e ü.jpg', data, "image/jpeg")},
    )
    assert file_in_form(given.headers["content-type"], given.read(), "image") == data


@pytest.mark.parametrize("kind", [_TYPE, 'multipart/form-data; boundary="x"', "multipart/form-data; a=b; Boundary=x"])
def test_a_boundary_can_be_quoted(kind: str) -> None:
    """And there may be text before the first part and after the last one."""
    part = b"Content-Disposition: form-data; name=image; filename=a\r\n\r\nDATA"
    assert file_in_form(kind, b"hello\r\n--x \r\n" + part + b"\r\n--x--\r\nbye", "image") == b"DATA"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not in it"),
        (b"--x--", "no file in the field 'image'"),
        (b"--x", "no headers"),
        (b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nDATA', "breaks off"),
        (b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nDATA\r\n--x--', "no file"),
        (b"--x\r\nno headers at all\r\n--x--", "no headers"),
        (b"--x\r\n" + b"a" * 10_000 + b"\r\n\r\n\r\n--x--", "too long"),
        (16 * b"--x\r\na: b\r\n\r\n\r\n" + b"--x--", "no file"),
        (17 * b"--x\r\na: b\r\n\r\n\r\n" + b"--x--", "more than 16 parts"),
        (2 * b"--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n\r\n" + b"--x--", "more than one"),
    ],
)
def test_a_form_that_is_wrong_says_why(data: bytes, words: str) -> None:
    """It is never half read."""
    with pytest.raises(ValueError, match=words):
        file_in_form(_TYPE, data, "image")


def test_a_form_needs_a_boundary() -> None:
    """Without one, nothing is guessed."""
    with pytest.raises(ValueError, match="names no boundary"):
        file_in_form("multipart/form-data", b"--x--", "image")
