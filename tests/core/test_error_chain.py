"""Tracebacks that are safe to show: the messages of real libraries, and the errors behind ours."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable

import fsspec
import pydantic
import pytest
import requests
import sqlalchemy as sa

from cutouts.core.error_chain import without_secrets
from cutouts.core.errors import StorageError

TOKEN = "s3cr3tT0k3nOfTheShop"
URL = f"http://ada:{TOKEN}@127.0.0.1:9/m.parquet?token={TOKEN}"


def _web() -> object:
    return requests.get(URL, timeout=5)


def _file_system() -> object:
    with fsspec.open(URL, "rb") as file:
        return file.read()


def _database() -> object:
    with sa.create_engine("sqlite://").connect() as connection:
        return connection.execute(sa.text("INSERT INTO nowhere VALUES (:uri)"), {"uri": URL})


def _dsn() -> object:
    return sa.create_engine(
        f"postgresql+psycopg://cutouts:{TOKEN}@127.0.0.1:9/x?password={TOKEN}&nothing={URL}"
    ).connect()


def _parsed() -> object:
    return pydantic.TypeAdapter(int).validate_python(URL)


def _several() -> object:
    raise ExceptionGroup(f"at {URL}", [ValueError(URL), OSError(2, "gone", URL)])


def _noted() -> object:
    error = ValueError("wrong")
    error.add_note(f"of {URL}")
    raise error


def _ours(library: Callable[[], object]) -> None:
    try:
        library()
    except Exception as error:
        raise StorageError("the store cannot be read") from error


@pytest.mark.parametrize("library", [_web, _file_system, _database, _dsn, _parsed, _several, _noted])
def test_a_traceback_holds_no_secret(library: Callable[[], object]) -> None:
    """This covers the error that ours was raised from and those that led to it."""
    with pytest.raises(StorageError) as raised:
        _ours(library)
    raw, cause = "".join(traceback.format_exception(raised.value)), raised.value.__cause__
    told = without_secrets(raised.value)
    text = "".join(traceback.format_exception(told))
    assert told is raised.value
    assert TOKEN not in text
    assert "test_error_chain.py" in text
    assert type(told.__cause__).__name__ == type(cause).__name__
    assert raw.count("Traceback (most recent call last)") == text.count("Traceback (most recent call last)")


def test_most_libraries_reveal_secrets() -> None:
    """Otherwise the test before this one would show nothing."""
    telling = 0
    for library in (_web, _file_system, _database, _parsed, _several, _noted):
        with pytest.raises(Exception) as raised:  # noqa: PT011 -- any of theirs
            library()
        telling += TOKEN in "".join(traceback.format_exception(raised.value))
    assert telling >= 4


def test_an_error_keeps_its_class_and_errno() -> None:
    """Airflow uses them to decide whether to retry."""
    full = without_secrets(OSError(errno.ENOSPC, "No space left on device", URL))
    assert (full.errno, TOKEN in str(full)) == (errno.ENOSPC, False)
    for error in (ConnectionRefusedError(111, URL), FileNotFoundError(URL), requests.Timeout(URL), KeyError(URL)):
        told = without_secrets(error)
        assert isinstance(told, type(error))
        assert TOKEN not in str(told) + repr(told)
    harmless = ValueError("nothing to hide")
    assert without_secrets(harmless) is harmless


def test_a_cycle_of_errors_ends() -> None:
    """A chain of errors may be circular."""
    first, second = ValueError(URL), KeyError(URL)
    first.__context__, second.__context__ = second, first
    told = without_secrets(first)
    assert told.__context__ is not None
    assert told.__context__.__context__ is told
