"""Publications and holds count their changes, and they and reviews say which of them are in the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TABLES = ("publications", "holds")


def upgrade() -> None:
    """Add the counters. Nothing is in the journal yet, so the next step writes all of it."""
    for table in _TABLES:
        op.add_column(table, sa.Column("changed", sa.Integer, nullable=False, server_default="1"))
    for table in (*_TABLES, "image_reviews"):
        op.add_column(table, sa.Column("journalled", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the counters."""
    for table in (*_TABLES, "image_reviews"):
        op.drop_column(table, "journalled")
    for table in _TABLES:
        op.drop_column(table, "changed")
