"""The door to the catalogue's database: SQLite by default, PostgreSQL by URL; SQLAlchemy and Alembic stay behind it."""

from pipeline.adapters.catalog.catalog import Catalog, CatalogCounts
from pipeline.adapters.catalog.publishing import ENTRIES
from pipeline.adapters.catalog.reading import PUBLISHED

__all__ = ["ENTRIES", "PUBLISHED", "Catalog", "CatalogCounts"]
