"""Makes a manifest from a folder of images."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pyarrow as pa

from cutouts.adapters.images import SUFFIXES, is_image, read_size
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.adapters.storage.sources.local_files import version_of
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.stored_tables import table_of
from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected, ManifestError
from cutouts.core.manifests.checks import MAX_DELIVERY_ID
from cutouts.core.manifests.conversion import MAX_TEXT
from cutouts.core.records import ImageRecord
from cutouts.core.sources.locations import Reading
from cutouts.core.text.naming import fitting, is_text, text_names
from cutouts.schemas.tables import MANIFEST

_THREADS = 4
"""Files that are read at once; reading and hashing release the GIL."""
_MOST_PX = (1 << 31) - 1
"""The largest side that a manifest can state; headers may state larger ones."""


def folder_manifest(
    folder: Path,
    site: Site | None = None,
    *,
    without: Path | None = None,
    on_image: Callable[[], None] = lambda: None,
) -> tuple[pa.Table, date]:
    """A manifest of every image below `folder` (except below `without`), and its day: the day when the newest file was
    written.

    `image_id` is the relative path, `product_id` the same without its suffix, `delivery_id` the first folder level, or
    else the folder's name. Parts of a name that cannot be shown (control characters, bytes that are not UTF-8) are
    written like `%0A`, and names that are too long for an id get a digest. Each file is read once for its sha256, as a
    run of `site` would read it; the sha256 is stated only for images. Unreadable files are listed too, so that their
    rejections are recorded. Raises ManifestError if there is no image.
    """
    root = folder.resolve()
    files = photographs(root, SUFFIXES, without=without).files
    if not files:
        raise ManifestError(f"there are no images in {folder}", [f"looked for {', '.join(sorted(SUFFIXES))}"])
    names = text_names([file.relative_to(root).as_posix() for file in files])
    (delivery,) = text_names([root.name or "folder"]).values()
    reading = (site or Site()).reading(str(root))
    records = []
    for record in in_parallel(
        lambda file: _record(file, names[file.relative_to(root).as_posix()], delivery, reading), files, threads=_THREADS
    ):
        records.append(record)
        on_image()
    return table_of(records, MANIFEST), _newest(files)


def _record(file: Path, name: str, delivery: str, reading: Reading) -> ImageRecord:
    relative = PurePosixPath(name)
    product = relative.with_suffix("").as_posix()
    group = relative.parts[0] if len(relative.parts) > 1 else delivery
    data = _bytes(file, reading)
    size = _stated_size(data) if data else None
    named = data is not None and (is_image(data) or not data)
    return ImageRecord(
        image_id=_id(name, MAX_TEXT["image_id"]),
        product_id=_id(product, MAX_TEXT["product_id"]),
        delivery_id=_id(group, MAX_DELIVERY_ID)
        if len(group) > MAX_DELIVERY_ID
        else _id(group, MAX_TEXT["delivery_id"]),
        uri=_uri(file),
        sha256=hashlib.sha256(data).hexdigest() if data is not None and named else None,
        etag=None if data is None or named else _version(file),
        bytes=None if data is None else len(data),
        width_px=size and size[0],
        height_px=size and size[1],
    )


def _stated_size(data: bytes) -> tuple[int, int] | None:
    """Width and height (px) from the file's header; None if they are unknown or too large for the columns of a
    manifest."""
    size = read_size(data)
    return size if size is None or max(size) <= _MOST_PX else None


def _id(name: str, limit: int) -> str:
    """An id of at most `limit` bytes that is not blank, although a folder's name may be."""
    return fitting(name if name.strip() else quote(name), limit=limit)


def _uri(file: Path) -> str:
    """The absolute path; if it is not text, a `file://` URI with quoted bytes, so that a table can store it."""
    path = str(file)
    return path if is_text(path) else f"file://{quote(os.fsencode(path))}"


def _bytes(file: Path, reading: Reading) -> bytes | None:
    """The file's bytes; None if it cannot be read: a run then rejects it with the reason."""
    try:
        return read_image(str(file), reading)
    except ImageRejected:
        return None


def _version(file: Path) -> str | None:
    """A version tag for a file whose digest is not stated, from its time of writing and size; None if it is unknown."""
    try:
        return version_of(file.stat())
    except OSError:
        return None


def _newest(files: Sequence[Path]) -> date:
    """The day when the newest file was written, but not a day to come: that would count as later than all deliveries
    until then, so none of their images would be published."""
    written = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    return datetime.fromtimestamp(min(max(written, 0.0), time.time()), UTC).date()
