"""Publications say of how many confirmed images they moved the day of delivery forward."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the count; of earlier publications it is not known."""
    op.add_column("publications", sa.Column("moved", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the count."""
    op.drop_column("publications", "moved")
