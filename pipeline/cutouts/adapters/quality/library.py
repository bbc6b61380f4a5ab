"""Imports Great Expectations on demand, and without its own log messages."""

from __future__ import annotations

import hashlib
import logging
from importlib.metadata import version
from importlib.resources import files
from typing import Any


def library() -> Any:
    """The module. Its import takes seconds, and then it logs 200 lines about its own functions at level INFO."""
    log = logging.getLogger("great_expectations")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    import great_expectations

    # This logger has its own level.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.NOTSET)
    return great_expectations


def method() -> str:
    """A digest (16 hexadecimal characters) of this package's code and the version of Great Expectations.

    This does not import Great Expectations.
    """
    digest = hashlib.sha256(version("great_expectations").encode())
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
