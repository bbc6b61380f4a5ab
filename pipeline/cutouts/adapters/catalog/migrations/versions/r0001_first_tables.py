"""Products, cutouts, publications, holds, approvals, and the view that consumers read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)

_VIEW = """
CREATE VIEW published_cutouts AS
SELECT c.image_id, c.product_id, c.delivery_id, c.cutout, c.mask, c.sha256, c.matte_digest, c.render_digest,
       c.publication_id, p.at AS published_at
FROM cutouts AS c JOIN publications AS p ON p.publication_id = c.publication_id
"""


def upgrade() -> None:
    """Create the tables and the view."""
    _products()
    _holds_and_approvals()
    _publications()
    _cutouts()
    op.execute(_VIEW)


def downgrade() -> None:
    """Drop the tables and the view, with their content."""
    op.execute("DROP VIEW published_cutouts")
    for table in ("cutouts", "publications", "approvals", "holds", "products"):
        op.drop_table(table)


def _products() -> None:
    op.create_table(
        "products",
        sa.Column("product_id", sa.Text, primary_key=True),
        sa.Column("first_seen", sa.Date, nullable=False),
        sa.Column("last_seen", sa.Date, nullable=False),
    )


def _holds_and_approvals() -> None:
    op.create_table(
        "holds",
        sa.Column("gate_id", sa.Text, primary_key=True),
        sa.Column("judged", sa.Text, nullable=False),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("delivery_date", sa.Date, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
    op.create_index("holds_delivery", "holds", ["delivery_id", "delivery_date"])
    op.create_index("ix_holds_judged", "holds", ["judged"])
    op.create_table(
        "approvals",
        sa.Column("gate_id", sa.Text, sa.ForeignKey("holds.gate_id"), primary_key=True),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )


def _publications() -> None:
    op.create_table(
        "publications",
        sa.Column("publication_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("gate_id", sa.Text, nullable=False, unique=True),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("delivery_date", sa.Date, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("published", sa.Integer, nullable=False),
        sa.Column("confirmed", sa.Integer, nullable=False),
        sa.Column("superseded", sa.Integer, nullable=False),
        sa.Column("approval_gate_id", sa.Text, sa.ForeignKey("approvals.gate_id"), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("publications_delivery", "publications", ["delivery_id", "delivery_date"])


def _cutouts() -> None:
    op.create_table(
        "cutouts",
        sa.Column("delivery_id", sa.Text, primary_key=True),
        sa.Column("image_id", sa.Text, primary_key=True),
        sa.Column("product_id", sa.Text, sa.ForeignKey("products.product_id"), nullable=False),
        sa.Column("delivery_date", sa.Date, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("matte_digest", sa.Text, nullable=False),
        sa.Column("render_digest", sa.Text, nullable=False),
        sa.Column("mask", sa.Text, nullable=False),
        sa.Column("cutout", sa.Text, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("publication_id", sa.Integer, sa.ForeignKey("publications.publication_id"), nullable=False),
    )
    op.create_index("ix_cutouts_product_id", "cutouts", ["product_id"])
    op.create_index("ix_cutouts_publication_id", "cutouts", ["publication_id"])
