"""Renditions have a table and a view of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_VIEW = """
CREATE VIEW published_renditions AS
SELECT r.image_id, c.product_id, r.delivery_id, r.rendition, r.picture, r.format, r.width_px, r.height_px, r.bytes,
       r.sha256, r.rendition_digest, r.rendered_at
FROM renditions AS r
JOIN cutouts AS c ON c.delivery_id = r.delivery_id AND c.image_id = r.image_id AND c.cutout = r.cutout
     AND c.sha256 = r.sha256
WHERE r.accepted
"""


def upgrade() -> None:
    """Create both."""
    texts = ("rendition_digest", "cutout", "sha256", "picture", "format", "rules")
    numbers = ("width_px", "height_px", "bytes", "quality")
    op.create_table(
        "renditions",
        sa.Column("delivery_id", sa.Text, primary_key=True),
        sa.Column("image_id", sa.Text, primary_key=True),
        sa.Column("rendition", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        *(sa.Column(name, sa.Integer, nullable=False) for name in numbers),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("violations", sa.JSON, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("rendered_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(_VIEW)


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP VIEW published_renditions")
    op.drop_table("renditions")
