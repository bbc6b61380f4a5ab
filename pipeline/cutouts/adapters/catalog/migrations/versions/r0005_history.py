"""Publications keep the versions that they replaced, record who made them and why, and may roll back or withdraw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BEFORE = sa.text("announced_at IS NULL AND published > 0")
_PENDING = sa.text("announced_at IS NULL AND (published > 0 OR withdrawn > 0)")
_DIGESTS_AND_OBJECTS = ("sha256", "matte_digest", "render_digest", "mask", "cutout")


def upgrade() -> None:
    """Add the columns and tables. States after earlier publications are unknown, except after the newest."""
    for column in _publication_columns():
        op.add_column("publications", column)
    op.execute("UPDATE publications SET restorable = (publication_id = (SELECT max(publication_id) FROM publications))")
    _index_unannounced(_PENDING)
    op.add_column("cutouts", sa.Column("since", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE cutouts SET since = publication_id")
    _past_cutouts()
    _taken_back()


def downgrade() -> None:
    """Drop them, with all versions that are not live any more."""
    op.drop_table("taken_back")
    op.drop_table("past_cutouts")
    op.drop_column("cutouts", "since")
    _index_unannounced(_BEFORE)
    for column in reversed(_publication_columns()):
        op.drop_column("publications", column.name)


def _publication_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.Text, nullable=False, server_default="publish"),
        sa.Column("withdrawn", sa.Integer, nullable=False, server_default="0"),
        sa.Column("is_full", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("made_by", sa.Text, nullable=True),
        sa.Column("because", sa.Text, nullable=True),
        sa.Column("back_to", sa.Integer, nullable=True),
        sa.Column("undone_by", sa.Integer, nullable=True),
        sa.Column("restorable", sa.Boolean, nullable=False, server_default=sa.true()),
    ]


def _index_unannounced(where: sa.TextClause) -> None:
    op.drop_index("publications_unannounced", "publications")
    op.create_index(
        "publications_unannounced", "publications", ["publication_id"], sqlite_where=where, postgresql_where=where
    )


def _past_cutouts() -> None:
    op.create_table(
        "past_cutouts",
        sa.Column("delivery_id", sa.Text, primary_key=True),
        sa.Column("image_id", sa.Text, primary_key=True),
        sa.Column("since", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("until", sa.Integer, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("delivery_date", sa.Date, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _DIGESTS_AND_OBJECTS),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("width_px", "height_px", "publication_id")),
    )
    op.create_index("ix_past_cutouts_until", "past_cutouts", ["until"])
    op.create_index("ix_past_cutouts_product_id", "past_cutouts", ["product_id"])


def _taken_back() -> None:
    keys = ("delivery_id", "image_id", "sha256", "matte_digest", "render_digest")
    op.create_table(
        "taken_back",
        *(sa.Column(name, sa.Text, primary_key=True) for name in keys),
        sa.Column("publication_id", sa.Integer, sa.ForeignKey("publications.publication_id"), nullable=False),
    )
