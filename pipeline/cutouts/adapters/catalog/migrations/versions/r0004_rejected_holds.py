"""A person may reject a held delivery. An image can be found by its id alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table and the index."""
    op.create_table(
        "hold_rejections",
        sa.Column("gate_id", sa.Text, sa.ForeignKey("holds.gate_id"), primary_key=True),
        sa.Column("rejected_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_cutouts_image_id", "cutouts", ["image_id"])


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_cutouts_image_id", "cutouts")
    op.drop_table("hold_rejections")
