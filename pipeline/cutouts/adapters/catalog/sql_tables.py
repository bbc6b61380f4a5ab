"""The catalogue's tables for SQLAlchemy Core. The migrations create them in a database."""

from __future__ import annotations

import sqlalchemy as sa

from cutouts.adapters.catalog.utc_moments import UtcDateTime

REVISION = "0009"
"""The newest revision of the schema, which is defined below."""

metadata = sa.MetaData()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _counters() -> tuple[sa.Column[int], ...]:
    """How often a row was changed, and which of its changes the journal has; 0 if also its other rows are due."""
    return (
        sa.Column("changed", sa.Integer, nullable=False, server_default="1"),
        sa.Column("journalled", sa.Integer, nullable=False, server_default="0"),
    )


products = sa.Table(
    "products",
    metadata,
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("first_seen", sa.Date, nullable=False),
    sa.Column("last_seen", sa.Date, nullable=False),
)
"""Each article with published images, with the first and the last day on which it was delivered."""

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
    *_counters(),
    sa.Index("holds_delivery", "delivery_id", "delivery_date"),
)
"""Each decision of the gate that held a delivery. Rows are never deleted; forgetting may replace a delivery id."""

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("gate_id", sa.Text, sa.ForeignKey("holds.gate_id"), primary_key=True),
    _text("approved_by"),
    _text("why"),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Each approval of a held delivery by a person. The hold of the same gate has the delivery and its content."""

hold_rejections = sa.Table(
    "hold_rejections",
    metadata,
    sa.Column("gate_id", sa.Text, sa.ForeignKey("holds.gate_id"), primary_key=True),
    _text("rejected_by"),
    _text("why"),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Each rejection of a held delivery by a person. No hold with the same content waits any more."""

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
    sa.Column("is_partial", sa.Boolean, nullable=False, server_default=sa.false()),
    *_counters(),
    sa.Index("publications_delivery", "delivery_id", "delivery_date"),
    sa.Index(
        "publications_unannounced",
        "publication_id",
        sqlite_where=_UNANNOUNCED,
        postgresql_where=_UNANNOUNCED,
    ),
    sqlite_autoincrement=True,
)
"""Each atomic change of the catalogue, by a gate decision or an order. `moved` confirmed images got a later day.

`announced_at` is null until the publication was announced; it stays null if nothing changed. `kind` is a
`PublicationKind`. `back_to` is the publication whose state a rollback restored (0: the state before the first), and
`undone_by` is the rollback that took a publication back. If `restorable`, the state after it can be rebuilt.
An `is_partial` one is of some images of its delivery, which were cut again, and settles no hold.
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
"""The live images, one per row. `delivery_date` is the last day on which exactly this content was delivered.

`publication_id` first made this version live; `since` is that publication too, or the rollback that restored it.
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
"""The past versions, which were live from publication `since` to publication `until`, which replaced or withdrew them.
"""

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
"""The versions that a person took back, so that delivering them again does not make them live.

A rollback takes back a version. A withdrawal takes back a photograph with any recipe; its digests are then empty.
"""

image_reviews = sa.Table(
    "image_reviews",
    metadata,
    sa.Column("review_id", sa.Integer, primary_key=True, autoincrement=True),
    *(
        _text(name)
        for name in (
            "delivery_id",
            "image_id",
            "sha256",
            "matte_digest",
            "render_digest",
            "gate_id",
            "reviewed_by",
            "why",
        )
    ),
    sa.Column("good", sa.Boolean, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("journalled", sa.Integer, nullable=False, server_default="0"),
    sa.Index("image_reviews_image", "delivery_id", "image_id"),
)
"""Each word of a person about one version of an image. The newest counts, and earlier ones are kept.

`journalled` is 1 if the journal has it.
"""

renditions = sa.Table(
    "renditions",
    metadata,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("delivery_id", "image_id", "rendition")),
    *(_text(name) for name in ("rendition_digest", "cutout", "sha256", "picture", "format", "rules")),
    *(_count(name) for name in ("width_px", "height_px", "bytes", "quality")),
    sa.Column("notes", sa.JSON, nullable=False),
    sa.Column("violations", sa.JSON, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("rendered_at", UtcDateTime, nullable=False),
)
"""The newest picture of each rendition of each image. `cutout` and `sha256` say which version of the image it shows.

`violations` are the broken rules of its channel, as checked with the rules of the digest `rules`; `accepted` if there
are none. Everything here can be rendered again, so it is not part of the journal.
"""

RENDITIONS_VIEW = "published_renditions"
"""The view of the renditions of live images that break no rule."""

published_renditions = sa.table(
    RENDITIONS_VIEW,
    *(sa.column(name, sa.Text) for name in ("image_id", "product_id", "delivery_id", "rendition", "picture", "format")),
    *(sa.column(name, sa.Integer) for name in ("width_px", "height_px", "bytes")),
    sa.column("sha256", sa.Text),
    sa.column("rendition_digest", sa.Text),
    sa.column("rendered_at", UtcDateTime),
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
"""The entries of one publication before it begins. Only one connection sees them, and they are dropped with it."""

leaving = sa.Table(
    "leaving_cutouts", sa.MetaData(), sa.Column("image_id", sa.Text, primary_key=True), prefixes=["TEMPORARY"]
)
"""The images whose live version one publication ends. Only one connection sees them."""

returning = sa.Table(
    "returning_cutouts",
    sa.MetaData(),
    *(sa.Column(column.name, column.type, primary_key=column.name == "image_id") for column in cutouts.columns),
    prefixes=["TEMPORARY"],
)
"""The versions that one rollback restores, in the columns of `cutouts`. Only one connection sees them."""

journalled = sa.Table(
    "journalled_changes",
    sa.MetaData(),
    sa.Column("delivery_id", sa.Text, nullable=False),
    sa.Column("made_by", sa.Integer, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=True),
    sa.Column("product_id", sa.Text, nullable=True),
    sa.Column("delivery_date", sa.Date, nullable=True),
    *(
        sa.Column(name, sa.Text, nullable=True)
        for name in ("sha256", "matte_digest", "render_digest", "mask", "cutout")
    ),
    *(sa.Column(name, sa.Integer, nullable=True) for name in ("width_px", "height_px", "publication_id")),
    sa.Index("journalled_versions", "change", "delivery_id", "image_id", "since"),
    sa.Index("journalled_makers", "made_by", "change", "image_id"),
    prefixes=["TEMPORARY"],
)
"""A whole journal while a catalogue is rebuilt from it: what each publication (`made_by`) changed."""
