"""What people said about single images is recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXTS = ("delivery_id", "image_id", "sha256", "matte_digest", "render_digest", "gate_id", "reviewed_by", "why")


def upgrade() -> None:
    """Add the table of reviews."""
    op.create_table(
        "image_reviews",
        sa.Column("review_id", sa.Integer, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
        sa.Column("good", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("image_reviews_image", "image_reviews", ["delivery_id", "image_id"])


def downgrade() -> None:
    """Drop it, with every review."""
    op.drop_table("image_reviews")
