"""Whole numbers and TOML files that people write: errors say in our words what is wrong with them."""

from __future__ import annotations

import tomllib
from typing import Any

_DIGITS = 18
"""So many digits fit into 64 bits. Python refuses more than 4,300 in words about its own settings."""


def whole_number(text: str) -> int | None:
    """The number that `text` writes with 1 to 18 ASCII digits; None if it is anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def toml_tables(text: str) -> dict[str, Any]:
    """The tables of a TOML file. Raises `tomllib.TOMLDecodeError`, also where Python's reader raises something else."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has too many digits") from None
    except RecursionError:
        raise tomllib.TOMLDecodeError("brackets are nested too deeply") from None
