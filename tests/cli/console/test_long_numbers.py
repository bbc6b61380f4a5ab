"""Numbers of 5,000 digits, which Python does not convert, wherever a person can write one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.console.test_exit_status import call

_ENDLESS = "9" * 5_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cut", "photo.jpg", "-o", "x.png", "--box", f"1,1,{_ENDLESS},9"), "is not a box"),
        (("bench", "serve", "--clients", _ENDLESS), "expected numbers like 1,2,4"),
        (("catalog", "as-of", _ENDLESS), "is neither a publication's number nor a time"),
        (("status", "--config", "long.toml"), "a number has too many digits"),
        (("render", "--list", "--recipes", "long.toml"), "a number has too many digits"),
    ],
)
def test_a_number_without_end_is_answered_in_words_of_ours(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    """No word about Python's settings, and no bug to report."""
    (tmp_path / "photo.jpg").write_bytes(b"never read")
    (tmp_path / "long.toml").write_text(f"chunk = {_ENDLESS}", encoding="ascii")
    done = call(*words, cwd=tmp_path)
    assert told in " ".join(done.stderr.split())
    assert "set_int_max_str_digits" not in done.stderr
    assert "bug" not in done.stderr
