"""Text files that people write: errors say in our words what is wrong with them."""

from __future__ import annotations

import tomllib
from typing import Any


def text_of(data: bytes) -> str:
    """The text of a file in UTF-8, without the byte order mark that Windows editors write.

    Raises ValueError for another encoding.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("it is not text in UTF-8: save it with this encoding")
    return text


def toml_tables(data: bytes) -> dict[str, Any]:
    """The tables of a TOML file. Raises `tomllib.TOMLDecodeError`, also where Python's reader raises something else."""
    try:
        text = text_of(data)
    except ValueError as error:
        raise tomllib.TOMLDecodeError(str(error)) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has too many digits") from None
    except RecursionError:
        raise tomllib.TOMLDecodeError("brackets are nested too deeply") from None
