"""A program that is killed while it rolls publication 2 back: `… killed_rollback URL STATEMENT`."""

from __future__ import annotations

import os
import signal
import sys

import sqlalchemy as sa

from cutouts.adapters.catalog import Catalog
from cutouts.core.publications import Order
from tests.adapters.catalog.made import NOON


def main(url: str, statement: str) -> None:
    """Die once a statement that begins with the given text has been executed."""

    def die_once_written(*event: object) -> None:
        if str(event[2]).startswith(statement):
            os.kill(os.getpid(), signal.SIGKILL)

    with Catalog.open(url) as catalog:
        sa.event.listen(catalog._engine, "after_cursor_execute", die_once_written)
        catalog.history.undo(2, Order(by="Ada", because="wrong network", at=NOON))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
