"""The moments of the catalogue: UTC, on databases with and without time zones, and in the order of what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment in UTC. Values must be aware datetimes (ValueError otherwise), and are returned as aware ones in UTC.

    SQLite has no time zones, so the column has UTC there without stating it.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The moment as it is stored in the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} names no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - likewise
        """The moment as an aware datetime in UTC."""
        if value is None:
            return None
        moment: datetime = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC)


def after(moment: datetime, earlier: datetime | None) -> datetime:
    """`moment`, or just after `earlier` if the clock that gave `moment` is behind the one that gave `earlier`."""
    return moment if earlier is None else max(moment, earlier + timedelta(microseconds=1))
