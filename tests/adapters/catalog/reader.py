"""The consumers' view, read through another connection that knows nothing of this project."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def view(url: str) -> list[dict[str, Any]]:
    """The rows of `published_cutouts`, ordered by image."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM published_cutouts ORDER BY image_id"))
        return [dict(row) for row in rows.mappings()]


def contents(url: str) -> dict[str, str]:
    """The sha256 of each published image."""
    return {row["image_id"]: row["sha256"] for row in view(url)}
