"""Keys that people type: an unknown one gives an error that says what prints it, and which site was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.adapters.storage.store import Store
from cutouts.core.errors import DamagedError, StorageError
from cutouts.steps.stored_keys import decision_of, plan_of


def test_an_unknown_plan_names_the_command_that_prints_its_id(tmp_path: Path) -> None:
    """The error names the id, the tables, and `cutouts plan`."""
    with pytest.raises(StorageError, match=rf"no plan 0123 in {tmp_path}: `cutouts plan`"):
        plan_of(Store(str(tmp_path)), "0123")


def test_an_unknown_decision_names_the_command_that_prints_its_id(tmp_path: Path) -> None:
    """The error names the id, the tables, and `cutouts gate`."""
    with pytest.raises(StorageError, match=rf"no decision 0123 in {tmp_path}: `cutouts gate`"):
        decision_of(Store(str(tmp_path)), "0123")


def test_a_damaged_plan_is_not_an_unknown_one(tmp_path: Path) -> None:
    """A damaged record is reported as damaged, so that nobody looks for another id."""
    record = tmp_path / "plans" / "0123" / "plan.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    with pytest.raises(DamagedError):
        plan_of(Store(str(tmp_path)), "0123")
