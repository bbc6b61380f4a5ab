"""An empty database of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from cutouts.adapters.catalog import Catalog


@pytest.fixture
def postgres_schema(postgres_url: str) -> str:
    """The URL of a new empty schema, which is forty times as fast to create as a database."""
    name = f"catalog_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    return f"{postgres_url}?options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.sqlite"
    schema: str = request.getfixturevalue("postgres_schema")
    return schema


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    """An empty catalogue."""
    with Catalog.open(url) as opened:
        yield opened
