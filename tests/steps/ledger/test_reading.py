"""Known images are found in the same way whether the delivery is small or large, and whatever the size of the files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cutouts.adapters.storage import stored_tables
from cutouts.adapters.storage.store import Store
from cutouts.core.manifests import sharding
from cutouts.steps.ledger import join_parts, known_contents, reading, record
from cutouts.steps.ledger.joining import MANY
from tests.steps.ledger.made import RECIPE, add, images_of, results


def _final(store: Store) -> None:
    """A part with a rejection that no other try can change (image 100), and one that may succeed (image 7)."""
    made = results([90], [100, 7])
    final = pa.array([False, True])
    at = made.rejections.schema.get_field_index("retryable")
    rejections = made.rejections.set_column(at, made.rejections.schema.field("retryable"), final)
    record(store, RECIPE, "f" * 32, type(made)(masks=made.masks, metrics=made.metrics, rejections=rejections))


@pytest.mark.parametrize("rows", [3, 1_000])
def test_a_large_delivery_reads_the_ledger_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Single parts, joined parts in several pieces, and final rejections: each image is known as for a small one."""
    store = Store(str(tmp_path))
    add(store, *range(MANY))
    assert join_parts(store, RECIPE) == MANY
    add(store, MANY)
    _final(store)
    asked = images_of([*range(4 * MANY), 90, 100, 7, 2]).slice(1)
    expected = [known_contents(store, RECIPE, asked, retry_rejected=retry).to_pylist() for retry in (False, True)]
    assert None in expected[0]
    assert expected[0] != expected[1]
    monkeypatch.setattr(reading, "_FEW", 1)
    monkeypatch.setattr(stored_tables, "_ROWS", rows)
    monkeypatch.setattr(sharding, "_SLICE", 2 * rows)
    found = [known_contents(store, RECIPE, asked, retry_rejected=retry) for retry in (False, True)]
    assert [one.to_pylist() for one in found] == expected
    for one in found:
        one.validate(full=True)
