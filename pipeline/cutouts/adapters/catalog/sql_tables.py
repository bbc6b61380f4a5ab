"""The catalogue's tables as SQLAlchemy Core sees them; what makes them in a database are the migrations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

REVISION = "0005"
"""The newest revision of the schema, which is the one below."""

metadata = sa.MetaData()


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment in UTC: only aware datetimes go in (ValueError otherwise), aware ones in UTC come out.

    SQLite has no time zones: there the column holds UTC without saying so.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The moment as the database keeps it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} names no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - likewise
        """The moment, aware, in UTC."""
        if value is None:
            return None
        moment: datetime = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


products = sa.Table(
    "products",
    metadata,
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("first_seen", sa.Date, nullable=False),
    sa.Column("last_seen", sa.Date, nullable=False),
)
"""Each article of which an image was ever published, with the first and the last day on which it was delivered."""

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("gate_id", sa.Text, primary_key=True),
    sa.Column("judged", sa.Text, nullable=False, index=True),
    _text("plan_id"),
    _text("delivery_id"),
    sa.Column("delivery_date", sa.Date, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("holds_delivery", "delivery_id", "delivery_date"),
)
"""Each decision of the gate that held a delivery back; never changed, never deleted."""

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("gate_id", sa.Text, sa.ForeignKey("holds.gate_id"), primary_key=True),
    _text("approved_by"),
    _text("why"),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Each release of a held delivery by a person; of which delivery and of what in it, its hold says."""

hold_rejections = sa.Table(
    "hold_rejections",
    metadata,
    sa.Column("gate_id", sa.Text, sa.ForeignKey("holds.gate_id"), primary_key=True),
    _text("rejected_by"),
    _text("why"),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Each rejection of a held delivery by a person, which ends the wait of every hold over the same content."""

_UNANNOUNCED = sa.text("announced_at IS NULL AND (published > 0 OR withdrawn > 0)")

publications = sa.Table(
    "publications",
    metadata,
    sa.Column("publication_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("gate_id", sa.Text, nullable=False, unique=True),
    _text("plan_id"),
    _text("delivery_id"),
    sa.Column("delivery_date", sa.Date, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    _count("published"),
    _count("confirmed"),
    _count("superseded"),
    sa.Column("moved", sa.Integer, nullable=False, server_default="0"),
    sa.Column("approval_gate_id", sa.Text, sa.ForeignKey("approvals.gate_id"), nullable=True),
    sa.Column("announced_at", UtcDateTime, nullable=True),
    sa.Column("kind", sa.Text, nullable=False, server_default="publish"),
    sa.Column("withdrawn", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_full", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("made_by", sa.Text, nullable=True),
    sa.Column("because", sa.Text, nullable=True),
    sa.Column("back_to", sa.Integer, nullable=True),
    sa.Column("undone_by", sa.Integer, nullable=True),
    sa.Column("restorable", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Index("publications_delivery", "delivery_id", "delivery_date"),
    sa.Index(
        "publications_unannounced",
        "publication_id",
        sqlite_where=_UNANNOUNCED,
        postgresql_where=_UNANNOUNCED,
    ),
    sqlite_autoincrement=True,
)
"""Each atomic change of the catalogue, one per gate decision; `moved` of the confirmed images got a later day.

`announced_at` is null until whoever runs after a publication was told of it; if nothing was changed it stays so.
`kind` is a `PublicationKind`. `back_to` is the publication that a rollback went back to (0: to before the first), and
`undone_by` the rollback that took a publication back. If `restorable`, what was live after it can be rebuilt.
"""

cutouts = sa.Table(
    "cutouts",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("image_id", sa.Text, primary_key=True, index=True),
    sa.Column("product_id", sa.Text, sa.ForeignKey("products.product_id"), nullable=False, index=True),
    sa.Column("delivery_date", sa.Date, nullable=False),
    _text("sha256"),
    _text("matte_digest"),
    _text("render_digest"),
    _text("mask"),
    _text("cutout"),
    _count("width_px"),
    _count("height_px"),
    sa.Column("publication_id", sa.Integer, sa.ForeignKey("publications.publication_id"), nullable=False, index=True),
    sa.Column("since", sa.Integer, nullable=False, server_default="0"),
)
"""What is live: one row per published image. `delivery_date` is the last day that delivered this very content.

`publication_id` made this version live; `since` is that publication too, or the rollback that brought it back.
"""

past_cutouts = sa.Table(
    "past_cutouts",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("image_id", sa.Text, primary_key=True),
    sa.Column("since", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("until", sa.Integer, nullable=False, index=True),
    sa.Column("product_id", sa.Text, nullable=False, index=True),
    sa.Column("delivery_date", sa.Date, nullable=False),
    *(_text(name) for name in ("sha256", "matte_digest", "render_digest", "mask", "cutout")),
    _count("width_px"),
    _count("height_px"),
    _count("publication_id"),
)
"""What was live: from publication `since` on, up to publication `until`, which replaced or withdrew it."""

taken_back = sa.Table(
    "taken_back",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("image_id", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("matte_digest", sa.Text, primary_key=True),
    sa.Column("render_digest", sa.Text, primary_key=True),
    sa.Column("publication_id", sa.Integer, sa.ForeignKey("publications.publication_id"), nullable=False),
)
"""Versions that a person took back, so that delivering them again does not make them live.

Of a rollback, one version; of a withdrawal, the photograph whatever its recipe, which is then empty.
"""

VIEW = "published_cutouts"
"""The view that consumers read."""

published_cutouts = sa.table(
    VIEW,
    sa.column("image_id", sa.Text),
    sa.column("product_id", sa.Text),
    sa.column("delivery_id", sa.Text),
    sa.column("cutout", sa.Text),
    sa.column("mask", sa.Text),
    sa.column("sha256", sa.Text),
    sa.column("matte_digest", sa.Text),
    sa.column("render_digest", sa.Text),
    sa.column("publication_id", sa.Integer),
    sa.column("published_at", UtcDateTime),
)

staged = sa.Table(
    "staged_cutouts",
    sa.MetaData(),
    sa.Column("image_id", sa.Text, primary_key=True),
    *(_text(name) for name in ("product_id", "sha256", "matte_digest", "render_digest", "mask", "cutout")),
    _count("width_px"),
    _count("height_px"),
    prefixes=["TEMPORARY"],
)
"""The entries of one publication before it begins; seen by one connection alone, gone with it."""

leaving = sa.Table(
    "leaving_cutouts", sa.MetaData(), sa.Column("image_id", sa.Text, primary_key=True), prefixes=["TEMPORARY"]
)
"""The images that one publication ends the live version of; seen by one connection alone."""

returning = sa.Table(
    "returning_cutouts",
    sa.MetaData(),
    *(sa.Column(column.name, column.type, primary_key=column.name == "image_id") for column in cutouts.columns),
    prefixes=["TEMPORARY"],
)
"""The versions that one rollback brings back, in the columns of `cutouts`; seen by one connection alone."""
