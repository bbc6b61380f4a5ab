"""Keeps Dask's own log out of ours: the runner reports everything that matters to a run, in sentences."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_NOISY = ("distributed", "tornado")


@contextmanager
def quiet() -> Iterator[None]:
    """Inside this block Dask logs only critical messages in this process; it would log a lost connection with a
    traceback.

    Messages of asyncio about tasks that Dask left behind are suppressed for good, because they appear when these are
    collected.
    """
    import distributed  # noqa: F401 -- it sets its loggers' levels when it is imported

    logging.getLogger("asyncio").addFilter(_not_of_dask)  # adding a filter twice has no further effect
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
    """Whether a record is not about an error of Dask, such as the `AllExit` with which it stops waiting for results."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__module__.partition(".")[0] != "distributed"
