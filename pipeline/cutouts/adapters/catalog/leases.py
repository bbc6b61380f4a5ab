"""Who works on a site, and who needs it alone: locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from cutouts.adapters.catalog.engine import telling
from cutouts.core.errors import StorageError, TransientError

_LOCK = "cutouts/site"


@contextmanager
def lease(engine: sa.Engine, *, alone: bool) -> Iterator[None]:
    """Work on the site of that catalogue beside others, or `alone`.

    Beside others, it waits until nobody is alone. Alone, TransientError is raised if anybody works. PostgreSQL ends a
    lease with its connection, the kernel ends the one of a file with its process: a kill leaves none behind.
    """
    with _on_server(engine, alone=alone) if engine.dialect.name == "postgresql" else _by_file(engine, alone=alone):
        yield


@contextmanager
def _on_server(engine: sa.Engine, *, alone: bool) -> Iterator[None]:
    key = sa.func.hashtextextended(_LOCK, 0)
    with telling(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not alone:
            connection.execute(sa.select(sa.func.pg_advisory_lock_shared(key)))
        elif not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
            raise _busy()
        yield


@contextmanager
def _by_file(engine: sa.Engine, *, alone: bool) -> Iterator[None]:
    database = Path(str(engine.url.database))
    path = database.with_name(f".{database.name}.lock")
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(f"the lock beside the catalogue cannot be opened: {path}: {error.strerror}") from error
    try:
        _lock(file, alone=alone)
        yield
    finally:
        os.close(file)


def _lock(file: int, *, alone: bool) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError as error:
        raise _busy() from error


def _busy() -> TransientError:
    return TransientError("something runs on this site: try again when it has ended")
