"""Publications record when they were announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_PENDING = sa.text("announced_at IS NULL AND published > 0")


def upgrade() -> None:
    """Add the moment. Earlier publications count as announced, so that they are not all announced again."""
    op.add_column("publications", sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE publications SET announced_at = at")
    op.create_index(
        "publications_unannounced",
        "publications",
        ["publication_id"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )


def downgrade() -> None:
    """Drop the moment."""
    op.drop_index("publications_unannounced", "publications")
    op.drop_column("publications", "announced_at")
