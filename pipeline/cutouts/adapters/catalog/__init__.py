"""The door to the catalogue's database: SQLite by default, PostgreSQL by URL. It hides SQLAlchemy and Alembic."""

from cutouts.adapters.catalog.catalog import Catalog, CatalogCounts
from cutouts.adapters.catalog.catalog_history import CatalogHistory
from cutouts.adapters.catalog.clearing import References
from cutouts.adapters.catalog.journal import CatalogJournal, Due, DuePublication, Journal, JournalKeys
from cutouts.adapters.catalog.live_images import PUBLISHED
from cutouts.adapters.catalog.past import VIEW, Change
from cutouts.adapters.catalog.publishing import ENTRIES

__all__ = [
    "ENTRIES",
    "PUBLISHED",
    "VIEW",
    "Catalog",
    "CatalogCounts",
    "CatalogHistory",
    "CatalogJournal",
    "Change",
    "Due",
    "DuePublication",
    "Journal",
    "JournalKeys",
    "References",
]
