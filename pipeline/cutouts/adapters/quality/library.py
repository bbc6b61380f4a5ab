"""Imports Great Expectations on demand, and without its own log messages."""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import Any


@cache
def library() -> Any:
    """The module. Its import takes seconds, and then it logs 200 lines about its own functions at level INFO."""
    _load_when_used("scipy", "stats")  # a third of these seconds, and only two rules of distributions use it
    log = logging.getLogger("great_expectations")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    import great_expectations

    # This logger has its own level.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.NOTSET)
    expectation = great_expectations.expectations.Expectation
    expectation.configuration = property(_remembering(expectation.configuration.fget))
    return great_expectations


def _load_when_used(package: str, name: str) -> None:
    """Let `from package import name` give a module that is loaded once an attribute of it is used."""
    whole = f"{package}.{name}"
    found = None if whole in sys.modules else find_spec(whole)
    if found is None or found.loader is None:
        return
    loader = found.loader = LazyLoader(found.loader)
    module = sys.modules[whole] = module_from_spec(found)
    loader.exec_module(module)
    setattr(sys.modules[package], name, module)


def _remembering(configuration: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, remembered by each thread for the expectation that it asked last, until a field of it is set.

    Great Expectations 1.24 makes it anew at each of about 130 accesses per rule, nearly all of them one after the
    other. That is a quarter of the time of a gate.
    """
    last = threading.local()

    def remembered(expectation: Any) -> Any:
        if getattr(last, "of", None) is not expectation or last.fields != vars(expectation):
            last.of, last.fields, last.value = expectation, dict(vars(expectation)), configuration(expectation)
        return last.value

    return remembered


def method() -> str:
    """A digest (16 hexadecimal characters) of this package's code and the version of Great Expectations.

    This does not import Great Expectations.
    """
    digest = hashlib.sha256(version("great_expectations").encode())
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
