"""Publications say whether they are of some images of a delivery only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column. Earlier publications count as of whole deliveries."""
    op.add_column("publications", sa.Column("is_partial", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("publications", "is_partial")
