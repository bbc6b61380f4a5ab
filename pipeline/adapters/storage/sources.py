"""Where photographs come from: a folder that is walked, a URI that is read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec

from pipeline.adapters.storage.store import store_errors
from pipeline.core.errors import ImageRejected
from pipeline.core.records import RejectionReason

TRIES = 3
"""How often a read is tried before the image is rejected as unreadable (which the next run tries again)."""


def read_image(uri: str, *, max_bytes: int) -> bytes:
    """The bytes at `uri` (path, file://, s3://, https://). ImageRejected, retryable where a later try can help."""
    for attempt in range(TRIES):
        try:
            return _read(uri, max_bytes)
        except FileNotFoundError:
            raise ImageRejected(RejectionReason.MISSING, uri, retryable=True) from None
        except (PermissionError, IsADirectoryError) as error:
            raise ImageRejected(RejectionReason.UNREADABLE, f"{uri}: {error}", retryable=True) from error
        except store_errors() as error:
            if attempt == TRIES - 1:
                detail = f"{uri}: {type(error).__name__}: {error}"
                raise ImageRejected(RejectionReason.UNREADABLE, detail, retryable=True) from error
            time.sleep(0.2 * 4**attempt)
        except (ValueError, ImportError) as error:  # fsspec on a protocol that it does not know or cannot load
            raise ImageRejected(RejectionReason.UNREADABLE, f"{uri}: {error}", retryable=True) from error
    raise AssertionError


def image_files(folder: Path, suffixes: frozenset[str], *, without: Path | None = None) -> Iterator[Path]:
    """Every file below `folder` with one of `suffixes`, in a stable order; hidden ones and `without` left out."""
    for parent, children, names in os.walk(folder):
        here = Path(parent)
        children[:] = sorted(
            child for child in children if not child.startswith(".") and (here / child).resolve() != without
        )
        yield from (here / name for name in sorted(names) if Path(name).suffix.lower() in suffixes and name[0] != ".")


def _read(uri: str, max_bytes: int) -> bytes:
    fs, path = fsspec.core.url_to_fs(uri)
    data: bytes | None = None
    if uri.startswith(("http://", "https://")):
        data = fs.cat_file(path)  # asked for a size, fsspec calls a web server's every failure "not found"
    size = fs.size(path) if data is None else len(data)
    if size is not None and size > max_bytes:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"{size} B, {max_bytes} B are allowed")
    return bytes(fs.cat_file(path) if data is None else data)
