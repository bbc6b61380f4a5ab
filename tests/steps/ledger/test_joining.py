"""Many small parts are joined into few large ones, and the content of the ledger stays the same at every moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cutouts.adapters.storage.store import Store
from cutouts.steps.ledger import join_parts
from cutouts.steps.ledger.joining import MANY
from tests.steps.ledger.made import RECIPE, add, said

KILLED = """
import os, signal, sys
from cutouts.adapters.storage.store import Store
from cutouts.steps.ledger import join_parts, joining
from tests.steps.ledger.made import RECIPE

joining.MANY = int(sys.argv[1])
count = 0

def dying(method, moment):
    def call(*args, **kwargs):
        global count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*args, **kwargs)
    return call

for url, moment in zip(sys.argv[2::2], map(int, sys.argv[3::2])):
    child = os.fork()
    if not child:
        for name in ("writing", "write", "remove", "remove_all"):
            setattr(Store, name, dying(getattr(Store, name), moment))
        join_parts(Store(url), RECIPE)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Called with the number of parts to join, and pairs of a store and a number: for each pair, a process joins, and is
killed before that call that changes the store."""
MOMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 14, 22, 23, 40, 56)


@pytest.fixture
def many(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of parts that are joined; fewer on S3, where each part costs requests."""
    if store.url.startswith("s3://"):
        monkeypatch.setattr("cutouts.steps.ledger.joining.MANY", 4)
        return 4
    return MANY


def test_joined_parts_have_the_content_of_single_ones(store: Store, many: int) -> None:
    """Known images, results and tries agree; one of `MANY` parts is left over, and the last joins them later."""
    add(store, *range(many - 1))
    assert join_parts(store, RECIPE) == 0
    add(store, many - 1)
    before = said(store, many)
    assert join_parts(store, RECIPE) == many
    assert said(store, many) == before
    assert len(store.names("ledger", "")) == 4
    add(store, *range(many, 2 * many - 1))
    before = said(store, 2 * many)
    assert join_parts(store, RECIPE) == many
    assert said(store, 2 * many) == before
    assert len(store.names("ledger", "")) == 4


def test_a_year_of_deliveries_gives_few_files(tmp_path: Path) -> None:
    """A reader opens few files, however many plans there were."""
    store, most = Store(str(tmp_path)), 0
    for plan in range(5 * MANY):
        add(store, plan)
        join_parts(store, RECIPE)
        most = max(most, len(store.names("ledger", "masks.parquet")) + len(store.names("ledger/masks", "")))
    assert most <= MANY
    assert len({*said(store, 5 * MANY)[0]}) == 15 * MANY  # type: ignore[index]


def test_a_kill_at_any_moment_changes_nothing(tmp_path: Path) -> None:
    """It is killed before each table, the record and each removal, and the next joining leaves nothing behind."""
    add(Store(str(tmp_path / "whole")), *range(MANY))
    stores = [Store(str(shutil.copytree(tmp_path / "whole", tmp_path / str(moment)))) for moment in MOMENTS]
    _kill(MANY, *zip(stores, MOMENTS, strict=True))
    before = said(Store(str(tmp_path / "whole")), MANY)
    for store, moment in zip(stores, MOMENTS, strict=True):
        assert said(store, MANY) == before, moment
        _joined_once_more(store, MANY, moment)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_kill_changes_nothing_in_a_bucket(store: Store, many: int) -> None:
    """The same holds on S3, where many files are removed at a time."""
    add(store, *range(many))
    before = said(store, many)
    _kill(many, (store, 6))
    assert said(store, many) == before
    _joined_once_more(store, many, 6)


def _kill(many: int, *moments: tuple[Store, int]) -> None:
    """Join `many` parts of each store in a process of its own, which is killed at the given moment."""
    root = Path(__file__).parents[3]
    words = (word for store, moment in moments for word in (store.url, str(moment)))
    command = [sys.executable, "-c", KILLED, str(many), *words]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["-9"] * len(moments)


def _joined_once_more(store: Store, many: int, moment: int) -> None:
    add(store, *range(many, 2 * many))
    before = said(store, 2 * many)
    assert join_parts(store, RECIPE) > 0
    assert said(store, 2 * many) == before
    unfinished = {name.split("/")[3] for name in store.names("ledger/joined", "")}
    whole = {name.split("/")[3] for name in store.names("ledger/joined", "joined.json")}
    assert len(whole) == 1
    assert len(unfinished - whole) <= (moment < 6)
    assert store.names("ledger/masks", "") == store.names("ledger/metrics", "") == store.names("ledger/rejections", "")


def test_joined_tables_of_an_old_interrupted_joining_are_removed(tmp_path: Path) -> None:
    """Without a record nobody reads them, and after a day nobody writes them either."""
    store = Store(str(tmp_path))
    add(store, *range(MANY))
    store.write(f"ledger/joined/recipe={'a' * 16}-{'b' * 16}/1000000000-0123456789abcdef/masks.parquet", b"half")
    join_parts(store, RECIPE)
    assert len(store.names("ledger", "")) == 4


def test_two_joinings_may_run_while_others_read_and_write(store: Store, many: int) -> None:
    """No row is missing at any moment, and one more joining leaves one part."""
    add(store, *range(2 * many))
    before = said(store, 2 * many)
    with ThreadPoolExecutor(3) as pool:
        work: list[Future[Any]] = [pool.submit(join_parts, store, RECIPE) for _ in range(2)]
        work.append(pool.submit(add, store, *range(2 * many, 3 * many), rejected=8))
        while not all(one.done() for one in work):
            assert said(store, 2 * many) == before
        assert [one.exception() for one in work] == [None, None, None]
    assert said(store, 2 * many) == before
    add(store, *range(3 * many, 4 * many))
    join_parts(store, RECIPE)
    assert len(store.names("ledger", "joined.json")) == 1
