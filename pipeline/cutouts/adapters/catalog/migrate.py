"""Upgrades a catalogue's database to the schema of this code, safely if others open it at the same time."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

import sqlalchemy as sa

from cutouts.adapters.catalog.engine import looking, telling, writing
from cutouts.adapters.catalog.sql_tables import REVISION
from cutouts.core.errors import StorageError

VERSION_TABLE = "catalog_revision"
"""Not Alembic's default name, because Airflow's metadata uses it and may be in the same PostgreSQL database."""

_FOLDER = Path(__file__).parent / "migrations"
_ALEMBIC = Lock()
"""Alembic keeps the running migration in module globals, so only one thread of a process may migrate at a time."""


def upgrade(engine: sa.Engine) -> None:
    """Upgrade to `REVISION` in one transaction. Raises StorageError if the database is newer than this code."""
    with looking(engine) as connection:
        if _revision(connection) == REVISION:
            return
    with _ALEMBIC, telling(engine), engine.connect() as connection, writing(connection, "migration"):
        _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    # Imported only here: Alembic takes as long to import as SQLAlchemy, and a catalogue is nearly always up to date.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions()}
    if revision is not None and revision not in known:
        raise StorageError(
            f"the catalogue at {connection.engine.url.render_as_string(hide_password=True)} has revision {revision}, "
            f"but this version of cutouts supports only up to {REVISION}: upgrade cutouts"
        )
    config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    command.upgrade(config, REVISION)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    return connection.scalar(sa.select(version.c.version_num))
