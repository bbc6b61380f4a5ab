"""Wishes of a manifest's row: the box that says which thing is the product, the network, and the channels.

A box is part of what was cut: the same photograph with another box is another content. Therefore the content of an
image with a box is named by the digest of its photograph and the box, everywhere that content is compared.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.product_box import BOXED

BOX = ("product_left_px", "product_top_px", "product_right_px", "product_bottom_px")
"""The columns of a box: px of the upright photograph; right and bottom are the first column and row outside of it."""
CHANNELS, MODEL = "channels", "model"


def stated_contents(rows: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The content and the ETag by which rows of a manifest are recognised (columns of `BOX`, sha256 and etag).

    The content is null if a row states no sha256. Then a row with a box has no ETag either: its URI, ETag and size are
    those of every box of the photograph.
    """
    boxed = pc.is_valid(rows.column(BOX[0]))
    if not pc.any(boxed).as_py():
        return rows.column("sha256"), rows.column("etag")
    numbers = [rows.column(name).cast(pa.string()) for name in BOX]
    named = pc.binary_join_element_wise(rows.column("sha256"), pc.binary_join_element_wise(*numbers, "-"), BOXED)
    etag = pc.if_else(boxed, pa.scalar(None, pa.string()), rows.column("etag"))
    return pc.if_else(boxed, named, rows.column("sha256")), etag


def partial_boxes(rows: pa.Table) -> NDArray[np.bool_]:
    """The rows that state some of the four numbers of a box, but not all."""
    stated = sum(np.asarray(rows.column(name).is_valid(), np.int8) for name in BOX)
    return np.asarray((stated > 0) & (stated < len(BOX)), np.bool_)


def wrong_boxes(rows: pa.Table) -> NDArray[np.bool_]:
    """The rows whose box is empty, negative, or outside of the size in px that the row states for the image as it is
    stored."""
    left, top, right, bottom = (_numbers(rows.column(name), 0) for name in BOX)
    whole = np.logical_and.reduce([np.asarray(rows.column(name).is_valid()) for name in BOX])
    wide, high = (_numbers(rows.column(name), 2**31) for name in ("width_px", "height_px"))
    longest = np.maximum(wide, high)  # a photograph may have to be turned
    wrong = (left < 0) | (top < 0) | (right <= left) | (bottom <= top) | (right > longest) | (bottom > longest)
    return np.asarray(whole & wrong, np.bool_)


def channels_in(text: str) -> tuple[str, ...]:
    """The names in a value of the column `channels`, which are separated by commas."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def wishing_unknown(rows: pa.Table, known: Collection[str]) -> dict[str, NDArray[np.bool_]]:
    """Each name in the column `channels` that is not known, and the rows that have it."""
    column = rows.column(CHANNELS)
    texts = pc.unique(column).drop_null().to_pylist()
    found: dict[str, NDArray[np.bool_]] = {}
    for text in texts:
        for name in set(channels_in(text)).difference(known):
            same = np.asarray(pc.fill_null(pc.equal(column, text), fill_value=False), np.bool_)
            found[name] = found.get(name, np.zeros(len(same), np.bool_)) | same
    return dict(sorted(found.items()))


def _numbers(column: pa.ChunkedArray, missing: int) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), missing).to_numpy(), np.int64)
