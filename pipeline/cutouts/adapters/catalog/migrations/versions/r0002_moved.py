"""Publications count the confirmed images whose day of delivery they moved forward."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the count. It is unknown for earlier publications."""
    op.add_column("publications", sa.Column("moved", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the count."""
    op.drop_column("publications", "moved")
