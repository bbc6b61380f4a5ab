"""Finds the page of a TIFF that is the picture, and the layout of its samples (TIFF 6.0, its supplements, BigTIFF)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cutouts.adapters.images.tiff.directory import (
    DNG_VERSION,
    HEIGHT,
    SUBFILE,
    WIDTH,
    Directory,
    open_directory,
    read_directory,
)
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, OFFSETS, SAMPLES = 258, 259, 262, 266, 273, 277
ROWS, COUNTS, PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT = 278, 279, 284, 317, 322, 323
TILE_OFFSETS, TILE_COUNTS, SUB_DIRECTORIES, INK_SET, EXTRA, FORMAT = 324, 325, 330, 332, 338, 339
_CAMERA = frozenset({32803, 34892})
"""Photometric interpretations of raw sensor samples."""
_MOST_PAGES = 1000
_REDUCED = 1
"""This bit in the tag for a page's purpose means that it is a smaller copy of another page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffFile:
    """One page. Sizes in px; `block` is the size of a strip or tile; `bits` per sample; `notes` in words."""

    page: Directory
    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    compression: int
    separate: bool
    predictor: int
    block: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def tiled(self) -> bool:
        """Whether blocks are tiles, which have their full size even if they extend beyond the edge."""
        return TILE_WIDTH in self.page

    @property
    def block_samples(self) -> int:
        """Samples per pixel in one block."""
        return 1 if self.separate else self.samples

    def row_bytes(self) -> int:
        """Bytes per row of one block."""
        return (self.block[0] * self.block_samples * self.bits + 7) // 8


def parse(data: bytes) -> TiffFile:
    """The picture of `data`: its first page, or the first that is not a smaller copy. Raises ImageRejected."""
    first = open_directory(data)
    if not first.entries:
        raise ImageRejected(RejectionReason.TRUNCATED, "TIFF: its first page (directory) cannot be read")
    pages, parts = _pages_and_parts(data, first)
    if DNG_VERSION in first or any(page.number(PHOTOMETRIC, 0) in _CAMERA for page in (*pages, *parts)):
        raise ImageRejected(RejectionReason.UNSUPPORTED, "camera raw (only its preview could be read)")
    page = _shown(first, pages, parts)
    notes = [f"it has {len(pages)} pages: only the {'first' if page is first else 'first full-size one'} is used"]
    notes = notes if len(pages) > 1 else []
    if page.number(SUBFILE, 0) & _REDUCED:
        notes.append("it says that it is a smaller copy of another picture, which is not in the file")
    return _laid_out(page, tuple(notes))


def shown_page(data: bytes) -> Directory:
    """The page that `parse` uses; one without tags if there is none."""
    first = open_directory(data)
    if not first.number(SUBFILE, 0) & _REDUCED:
        return first
    return _shown(first, *_pages_and_parts(data, first))


def _pages_and_parts(data: bytes, first: Directory) -> tuple[list[Directory], list[Directory]]:
    pages = list(_pages(data, first))
    return pages, [inner for page in pages[:16] for inner in _parts(page)]


def _shown(first: Directory, pages: list[Directory], parts: list[Directory]) -> Directory:
    full = (page for page in (*pages, *parts) if not page.number(SUBFILE, 0) & _REDUCED and WIDTH in page)
    return next(full, first)


def _pages(data: bytes, first: Directory) -> Iterator[Directory]:
    """The chain of pages as far as it can be read; it may be damaged after the first page, or contain a cycle."""
    seen, page = set[int](), first
    while page.entries and len(seen) < _MOST_PAGES:
        yield page
        if not page.next or page.next in seen:
            return
        seen.add(page.next)
        page = read_directory(data, page.next, first.order, big=first.big)


def _parts(page: Directory) -> Iterator[Directory]:
    for offset in page.numbers(SUB_DIRECTORIES)[:16]:
        yield read_directory(page.data, offset, page.order, big=page.big)


def _laid_out(page: Directory, notes: tuple[str, ...]) -> TiffFile:
    width, height = page.number(WIDTH, 0), page.number(HEIGHT, 0)
    samples, tiled = page.number(SAMPLES, 1), TILE_WIDTH in page
    bits = page.numbers(BITS) or (1,)
    if len(set(bits)) > 1:
        raise ImageRejected(RejectionReason.UNSUPPORTED, "TIFF with samples of different bit depths")
    rows = min(page.number(ROWS, height) or height, height)
    block = (page.number(TILE_WIDTH, 0), page.number(TILE_HEIGHT, 0)) if tiled else (width, rows)
    if min(width, height, samples, bits[0], *block) <= 0:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: its size is invalid")
    return TiffFile(
        page=page,
        width=width,
        height=height,
        bits=bits[0],
        samples=samples,
        photometric=page.number(PHOTOMETRIC, 2 if samples > 2 else 1),
        compression=page.number(COMPRESSION, 1),
        separate=page.number(PLANAR, 1) == 2 and samples > 1,
        predictor=page.number(PREDICTOR, 1),
        block=block,
        offsets=page.numbers(TILE_OFFSETS if tiled and TILE_OFFSETS in page else OFFSETS),
        counts=page.numbers(TILE_COUNTS if tiled and TILE_COUNTS in page else COUNTS),
        notes=notes,
    )
