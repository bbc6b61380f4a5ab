"""Engines for both databases: how each is opened, begins a transaction, locks and fails."""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from cutouts.core.advice import advice
from cutouts.core.errors import ConfigError, StorageError, TransientError
from cutouts.core.records import DeliveryKey

PATIENCE_S = 60.0
"""How long a SQLite writer waits for another one, unless the URL has `?timeout=SECONDS`."""

_WRITES = "cutouts_writes"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_HELPED_BY_RETRY = ("08", "40", "53300", "55P03", "57")
"""SQLSTATEs (PostgreSQL, appendix A): connection lost, rolled back, too many connections, lock, shutdown or cancel."""


_CORRUPT = ("XX", "42703", "42P01")
"""SQLSTATEs for damaged data and indexes, and for columns and tables that are not there."""
_NOT_THERE = re.compile(r"no such (table|column)|malformed database schema|foreign key mismatch")
"""In the message of SQLite if the definition of a table is damaged."""
_WRONG_VALUES = (ValueError, TypeError, ArithmeticError)
"""Errors of drivers, of Arrow and of our records for bytes that are not a text, JSON, a date or a kind of publication.
"""
_REBUILD = "Put it back from a backup, or rebuild it from its journal: `cutouts catalog rebuild`"

_ADVICE = {
    sqlite3.SQLITE_FULL: "free some space and run it again: finished work is kept",
    sqlite3.SQLITE_IOERR: "the disk may be full: free some space or check the disk, then run it again",
    sqlite3.SQLITE_CANTOPEN: "SQLite writes beside its file even to read it, so its folder must be writable",
    sqlite3.SQLITE_READONLY: "the file and its folder must be writable",
}
"""What a person can do about an error of SQLite, which does not say what the system said."""

_REFUSED = re.compile(r"FATAL:")
"""In the message if a server refuses a connection (wrong password, unknown database, no access), without a SQLSTATE."""
_NOT_READY = re.compile(r"starting up|shutting down|accepting connections|recovery|too many|connection slots")


def open_engine(url: str) -> sa.Engine:
    """The engine of this process for a SQLite file or a PostgreSQL database. Raises ConfigError for any other URL.

    Connections are not pooled: a step opens few, and closing them leaves nothing of temporary tables or forks behind.
    """
    return _engine(_parse(url))


@lru_cache(maxsize=16)
def _engine(place: sa.URL) -> sa.Engine:
    """Kept, because each engine compiles every statement anew."""
    logging.getLogger("sqlalchemy.pool.impl.NullPool").addFilter(_not_stopped)
    if place.get_backend_name() == "postgresql":
        return sa.create_engine(place.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    patience = {} if "timeout" in place.query else {"timeout": PATIENCE_S}
    engine = sa.create_engine(place, poolclass=sa.NullPool, connect_args=patience)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _not_stopped(record: logging.LogRecord) -> bool:
    """Whether it is anything but the traceback of Ctrl-C, which the command tells in words."""
    return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))


@contextmanager
def looking(engine: sa.Engine, **options: str) -> Iterator[sa.Connection]:
    """A transaction for reading, with these execution options. Errors are raised as by `telling`.

    Values that cannot be what was written raise StorageError: a damaged file has them in places that the database does
    not check.
    """
    with telling(engine), _sound(engine), engine.connect() as connection:
        connection.execution_options(**options)
        with connection.begin():
            yield connection


@contextmanager
def writing(connection: sa.Connection, *locks: str) -> Iterator[None]:
    """A transaction for writing, which excludes others with one of the same `locks` and is committed at the end."""
    connection.execution_options(**{_WRITES: True})
    with _sound(connection.engine), connection.begin():
        for lock in locks if connection.dialect.name == "postgresql" else ():
            key = sa.func.hashtextextended(f"cutouts/{lock}", 0)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
        yield


@contextmanager
def writing_delivery(engine: sa.Engine, delivery: DeliveryKey) -> Iterator[sa.Connection]:
    """A connection in a transaction that excludes other writers of the same delivery id."""
    with telling(engine), engine.connect() as connection, writing(connection, f"delivery/{delivery.delivery_id}"):
        yield connection


@contextmanager
def telling(engine: sa.Engine) -> Iterator[None]:
    """Raise errors of the database as TransientError if trying again can help, otherwise as StorageError."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        place = engine.url.render_as_string(hide_password=True)
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        kind = TransientError if _helped_by_retry(error) else StorageError
        what = _ADVICE.get(_sqlite_code(cause), "")
        words = f"the catalogue at {place}: {cause}" + (f"; {what}" if what else "")
        raise kind(f"{words}. {_REBUILD}" if _is_damage(cause) else words) from error


@contextmanager
def _sound(engine: sa.Engine) -> Iterator[None]:
    """Raise errors about values as a StorageError that says that the catalogue is damaged."""
    try:
        yield
    except _WRONG_VALUES as error:
        place = engine.url.render_as_string(hide_password=True)
        first = str(error).partition("\n")[0]
        raise StorageError(f"the catalogue at {place} is damaged: {first}. {_REBUILD}") from error


def _is_damage(cause: object) -> bool:
    if isinstance(cause, sqlite3.Error):
        damaged = _sqlite_code(cause) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        return damaged or bool(_NOT_THERE.search(str(cause)))
    return str(getattr(cause, "sqlstate", None) or "").startswith(_CORRUPT)


def _sqlite_code(error: object) -> int:
    """The primary result code of an error of SQLite, or 0 (SQLITE_OK)."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF


def _parse(url: str) -> sa.URL:
    try:
        place = sa.make_url(url)
    except (exc.ArgumentError, ValueError):  # ValueError: a port that is not a number, which may be part of a password
        raise ConfigError("the catalogue's URL is wrong", ["catalog: it cannot be read as a URL"]) from None
    backend = place.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError("the catalogue's URL is wrong", [f"catalog: {backend}: use sqlite or postgresql"])
    if backend == "sqlite" and place.database in (None, "", ":memory:"):
        raise ConfigError("the catalogue's URL is wrong", ["catalog: SQLite needs a file: sqlite:///PATH"])
    if backend == "sqlite" and place.database and not place.database.startswith("file:"):
        file = Path(place.database).absolute()  # now, because a program may change its working folder
        _make_folder(file.parent)
        return place.set(database=str(file))
    return place


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = f"{error.strerror}; {advice(error)}"
        raise StorageError(f"the catalogue's folder {folder} cannot be made: {words}") from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions itself: it would begin after the first reads.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    deadline = time.monotonic() + PATIENCE_S
    while not _writes_ahead(connection) and time.monotonic() < deadline:
        time.sleep(0.02)


def _writes_ahead(connection: sqlite3.Connection) -> bool:
    """Turn on the write-ahead log, so that readers never wait. False while another connection prevents it.

    SQLite itself does not wait here, even with a busy timeout.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if _sqlite_code(error) not in _BUSY:
            raise
        return False
    return True


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails without waiting if another one wrote in between.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _helped_by_retry(error: exc.SQLAlchemyError) -> bool:
    if not isinstance(error, exc.DBAPIError):
        return isinstance(error, exc.TimeoutError)
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) in _BUSY
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:
        refused = _REFUSED.search(str(error.orig)) and not _NOT_READY.search(str(error.orig))
        return not refused and (error.connection_invalidated or isinstance(error, exc.OperationalError))
    return state.startswith(_HELPED_BY_RETRY)
