"""The pictures of a feed as a plain table, for importers without a format of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from cutouts.core.feeds.pictures import FeedPicture, public_address

PICTURES = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("product_id", "delivery_id", "image_id")),
        pa.field("rendition", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        *(pa.field(name, pa.string(), nullable=False) for name in ("picture", "format")),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("width_px", "height_px", "bytes")),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("rendered_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ],
    metadata={"table": "pictures"},
)
"""A row per picture. `url` is null if the site has no `public_url`, `picture` is the name of the object."""


def pictures_table(rows: Iterable[Mapping[str, object]], base: str | None) -> pa.Table:
    """The rows of the view `published_renditions` as `PICTURES`, sorted by product and in the order of its pictures."""
    told = sorted((_with_url(row, base) for row in rows), key=_order)
    return pa.Table.from_pylist(told, PICTURES)


def _with_url(row: Mapping[str, object], base: str | None) -> dict[str, object]:
    url = None if base is None else public_address(base, str(row["picture"]))
    return {name: url if name == "url" else row[name] for name in PICTURES.names}


def _order(row: Mapping[str, object]) -> tuple[object, ...]:
    one = FeedPicture(**{name: str(row[name]) for name in ("product_id", "delivery_id", "image_id", "url")})
    return one.product_id, str(row["rendition"]), one.place
