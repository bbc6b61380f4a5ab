"""Great Expectations, imported when somebody judges, and without what it says about itself."""

from __future__ import annotations

import hashlib
import logging
from importlib.metadata import version
from importlib.resources import files
from typing import Any


def library() -> Any:
    """The module. It takes seconds to import, and then writes 200 lines about its own functions, as INFO."""
    log = logging.getLogger("great_expectations")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    import great_expectations

    # This one of its loggers has a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.NOTSET)
    return great_expectations


def method() -> str:
    """A digest of what judges: this package's code and the version of Great Expectations; takes no import of it."""
    digest = hashlib.sha256(version("great_expectations").encode())
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
