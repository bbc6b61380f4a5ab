"""Errors for manifests. They list every problem with the name of the file that has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from cutouts.adapters.storage.manifests.thrift import ParquetError
from cutouts.adapters.storage.store_errors import helped_by_retry, store_errors
from cutouts.core.errors import ManifestError, TransientError
from cutouts.core.text.counting import counted

_LISTED = 100
"""One error lists at most this many problems."""
_PROBLEMS = (ParquetError, pa.ArrowException, ValueError, MemoryError, ArithmeticError, ImportError)
"""The exceptions that Arrow and our own code raise for a damaged or unsupported file."""


@contextmanager
def reading(url: str, name: str = "") -> Iterator[None]:
    """Raise errors of a store or Arrow as ManifestError, or as TransientError if trying again can help."""
    try:
        yield
    except (*_PROBLEMS, *store_errors()) as error:
        if helped_by_retry(error):
            raise TransientError(f"the manifest {url} cannot be read: {type(error).__name__}: {error}") from error
        raise unreadable(url, [of_file(name, _words(error))]) from error


def _words(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, MemoryError):
        return "it needs more memory than is available"
    if "support range requests" in str(error):  # fsspec's advice is about its own parameters
        return "its web server does not support range requests: download the manifest, and name the file"
    words = next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"damaged, or of a type that cannot be read: {words}" if isinstance(error, pa.ArrowException) else words


def of_file(name: str, problem: str) -> str:
    """A problem of one file of a manifest, with its name; without a name if the manifest is a single file."""
    return f"{name}: {problem}" if name else problem


def unreadable(url: str, problems: Sequence[str]) -> ManifestError:
    """The error for a manifest that cannot be read."""
    return ManifestError(f"the manifest {url} cannot be read", _listed(problems))


def unusable(url: str, problems: Sequence[str]) -> ManifestError:
    """The error for a manifest whose content is wrong."""
    return ManifestError(f"the manifest {url} cannot be used", _listed(problems))


def _listed(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _LISTED
    return [*problems[:_LISTED], *([f"… and {counted(more, 'more problem')}"] if more > 0 else [])]
