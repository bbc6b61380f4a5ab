"""Shared and exclusive leases of a site: locks that end with the process that holds them, however it ends."""

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
    """Hold a lease of the site of that catalogue, shared with others or `alone`.

    A shared lease waits until nobody holds one alone. With `alone`, raises TransientError if anybody holds a lease;
    StorageError if the lock file beside a SQLite catalogue cannot be opened. PostgreSQL ends a lease with its
    connection, and the kernel ends a file lock with its process, so a killed process leaves no lease behind.
    """
    with _on_server(engine, alone=alone) if engine.dialect.name == "postgresql" else _by_file(engine, alone=alone):
        yield


@contextmanager
def turn(engine: sa.Engine, name: str) -> Iterator[None]:
    """Wait until nobody else is in a block with that name, on any machine, and keep others out during this one.

    It ends with the process, like a lease. Raises StorageError as `lease` does.
    """
    with _named_on_server(engine, name) if engine.dialect.name == "postgresql" else _named_by_file(engine, name):
        yield


@contextmanager
def _named_on_server(engine: sa.Engine, name: str) -> Iterator[None]:
    key = sa.func.hashtextextended(f"cutouts/{name}", 0)
    with telling(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
        yield


@contextmanager
def _named_by_file(engine: sa.Engine, name: str) -> Iterator[None]:
    with _lock_file(engine, f"{name}.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
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
    with _lock_file(engine, "lock") as file:
        _lock(file, alone=alone)
        yield


@contextmanager
def _lock_file(engine: sa.Engine, suffix: str) -> Iterator[int]:
    """An opened file beside the SQLite database, whose locks end when it is closed."""
    database = Path(str(engine.url.database))
    path = database.with_name(f".{database.name}.{suffix}")
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(
            f"the lock beside the catalogue cannot be opened: {path}: {error.strerror}. Move it away"
        ) from error
    try:
        yield file
    finally:
        os.close(file)


def _lock(file: int, *, alone: bool) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError as error:
        raise _busy() from error


def _busy() -> TransientError:
    return TransientError("something runs on this site: try again when it has ended")
