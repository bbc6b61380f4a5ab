"""Opening a database creates, upgrades or refuses it, and errors say whether a retry can help."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from cutouts.adapters.catalog import Catalog, CatalogCounts
from cutouts.adapters.catalog.engine import open_engine, telling
from cutouts.adapters.catalog.migrate import _FOLDER, VERSION_TABLE
from cutouts.adapters.catalog.sql_tables import REVISION, metadata
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, StorageError, TransientError
from cutouts.core.publications import Draft
from tests.adapters.catalog.made import MONDAY, NOON, entry, held

EMPTY = CatalogCounts(products=0, images=0, publications=0, holds=0, approvals=0, waiting=0)


def test_an_empty_database_becomes_a_catalogue(url: str) -> None:
    """The first process to open it creates the tables, and the next one finds them with their rows."""
    with Catalog.open(url) as catalog:
        assert catalog.counts() == EMPTY
        catalog.publish([entry("a")], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
    with Catalog.open(url) as catalog:
        assert catalog.counts().images == 1


def test_the_migrations_create_the_tables_that_the_code_expects(catalog: Catalog) -> None:
    """All revisions together give the columns, keys and indexes of `tables.py`."""
    with catalog._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert context.get_current_revision() == ScriptDirectory(str(_FOLDER)).get_current_head() == REVISION
        assert compare_metadata(context, metadata) == []


def test_several_processes_may_open_an_empty_database_at_once(url: str) -> None:
    """Workers that start together all find one catalogue."""
    lines = ["import sys", "from cutouts.adapters.catalog import Catalog", "Catalog.open(sys.argv[1]).counts()"]
    started = [subprocess.Popen([sys.executable, "-c", "; ".join(lines), url]) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    with Catalog.open(url) as catalog:
        assert catalog.counts() == EMPTY


def test_a_newer_database_is_refused(catalog: Catalog, url: str) -> None:
    """A database that a later version upgraded is neither read nor changed."""
    with catalog._engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StorageError, match=r"revision 9999.*upgrade cutouts"):
        Catalog.open(url)


def test_a_failed_migration_changes_nothing(url: str) -> None:
    """A revision is applied completely or not at all, on SQLite too."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW published_cutouts AS SELECT 1 AS one"))
    with pytest.raises(StorageError, match="published_cutouts"):
        Catalog.open(url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_sqlite_creates_its_folder_and_allows_concurrent_readers(tmp_path: Path) -> None:
    """The file's folder need not exist, and the write-ahead log and foreign keys are on."""
    with Catalog.open(f"sqlite:///{tmp_path}/a/b/catalog.sqlite") as catalog, catalog._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_an_error_of_sqlite_says_what_to_do(tmp_path: Path) -> None:
    """SQLite itself says neither that a file is needed beside the database, nor what a full disk means for the work."""
    (tmp_path / "catalog.sqlite").mkdir()
    with pytest.raises(StorageError, match=r"unable to open database file; .* its folder must be writable"):
        Catalog.open(f"sqlite:///{tmp_path}/catalog.sqlite")
    engine = open_engine(f"sqlite:///{tmp_path}/full.sqlite")
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA max_page_count = 1"))
    full = "database or disk is full; free some space and run it again"
    with pytest.raises(StorageError, match=full), telling(engine), engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT zeroblob(100000)")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be made: Not a directory; correct that and run it again"):
        open_engine(f"sqlite:///{tmp_path}/file/below/catalog.sqlite")


def test_a_site_may_be_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """Characters that have a meaning in a URL are plain characters in a path."""
    root = tmp_path / "50%20 off? #1 & mehr"
    Catalog.open(Site(root=str(root)).catalog_url).close()
    assert (root / "catalog.sqlite").is_file()


@pytest.mark.parametrize("wrong", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "not a url"])
def test_other_databases_are_refused(wrong: str) -> None:
    """A database that cannot serve as a catalogue is a configuration error."""
    with pytest.raises(ConfigError, match="catalog: "):
        Catalog.open(wrong)


def test_a_locked_database_is_worth_a_retry(tmp_path: Path) -> None:
    """A writer that timed out raises an error that says so."""
    path = tmp_path / "catalog.sqlite"
    with Catalog.open(f"sqlite:///{path}?timeout=0.05") as catalog:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match="locked"):
            catalog.holds.record(held("gate"), NOON)
        other.close()
        catalog.holds.record(held("gate"), NOON)


def test_a_lost_connection_is_worth_a_retry(postgres_schema: str) -> None:
    """If the server cuts the connection during a publication, nothing is left behind and the retry publishes."""
    with Catalog.open(postgres_schema) as catalog:

        def cut(*event: object) -> None:
            if str(event[2]).startswith("INSERT INTO publications"):
                sa.event.remove(catalog._engine, "before_cursor_execute", cut)
                with catalog._engine.connect() as other:
                    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    other.exec_driver_sql(f"{others} AND datname = current_database()")

        sa.event.listen(catalog._engine, "before_cursor_execute", cut)
        with pytest.raises(TransientError, match="terminat"):
            catalog.publish([entry("a")], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
        done = catalog.publish([entry("a")], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
        assert done.published == 1


def test_an_unreachable_server_is_worth_a_retry() -> None:
    """Nothing listens on port 1, and the message does not show the password."""
    with pytest.raises(TransientError) as error:
        Catalog.open("postgresql://cutouts:secret@127.0.0.1:1/catalog")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(("user", "database"), [("nobody", "postgres"), ("cutouts", "no_such_database")])
def test_a_server_that_refuses_the_connection_is_not_worth_a_retry(postgres_url: str, user: str, database: str) -> None:
    """A wrong login or database name will not fix itself."""
    host = postgres_url.rpartition("@")[2].partition("/")[0]
    with pytest.raises(StorageError, match="does not exist") as error:
        Catalog.open(f"postgresql://{user}:secret@{host}/{database}")
    assert not isinstance(error.value, TransientError)


def test_a_file_that_is_not_a_database_is_not_worth_a_retry(tmp_path: Path) -> None:
    """A text file will not become a database."""
    path = tmp_path / "catalog.sqlite"
    path.write_text("not a database" * 100)
    with pytest.raises(StorageError) as error:
        Catalog.open(f"sqlite:///{path}")
    assert not isinstance(error.value, TransientError)
