"""Keeps Dask's own log out of ours: what concerns a run is said by the runner, in sentences."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_NOISY = ("distributed", "tornado")


@contextmanager
def quiet() -> Iterator[None]:
    """Inside this block Dask logs in this process only what is critical: a lost connection is a traceback to it."""
    import distributed  # noqa: F401 -- it sets its loggers' levels when it is imported

    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _NOISY]
    loggers = [logging.getLogger(name) for name in {*_NOISY, *names}]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
