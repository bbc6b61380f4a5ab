"""Keeps Dask's own log out of ours: what concerns a run is said by the runner, in sentences."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_NOISY = ("distributed", "tornado")


@contextmanager
def quiet() -> Iterator[None]:
    """Inside this block Dask logs in this process only what is critical: a lost connection is a traceback to it.

    What asyncio says of tasks that Dask left behind is kept out for good: it says so when they are collected.
    """
    import distributed  # noqa: F401 -- it sets its loggers' levels when it is imported

    logging.getLogger("asyncio").addFilter(_not_of_dask)  # added twice, a filter is there once
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


def _not_of_dask(record: logging.LogRecord) -> bool:
    """Whether a record is of no error of Dask's own, such as the `AllExit` with which it stops waiting for results."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__module__.partition(".")[0] != "distributed"
