"""The catalogue's journal: what is due is read from the database, and a database is restored from it.

The database alone says what is due: each row counts its changes, and remembers which of them the journal has. So it
does not matter which process is killed between a transaction and its record: whoever comes next writes it.
"""

from cutouts.adapters.catalog.journal.catalog_journal import CatalogJournal, JournalKeys
from cutouts.adapters.catalog.journal.due import Due, DuePublication
from cutouts.adapters.catalog.journal.restoring import Journal

__all__ = ["CatalogJournal", "Due", "DuePublication", "Journal", "JournalKeys"]
