"""Which conditions no row can meet."""

from __future__ import annotations

from typing import Any

import pytest

from cutouts.adapters.quality.conditions import is_impossible


def compared(column: str, operator: str, value: object) -> dict[str, Any]:
    """A comparison of a column with a value."""
    return {"type": "comparison", "column": {"name": column}, "operator": operator, "parameter": value}


def null(column: str, *, is_null: bool) -> dict[str, Any]:
    """A null check."""
    return {"type": "nullity", "column": {"name": column}, "is_null": is_null}


def both(*conditions: dict[str, Any]) -> dict[str, Any]:
    """All of these."""
    return {"type": "and", "conditions": list(conditions)}


def either(*conditions: dict[str, Any]) -> dict[str, Any]:
    """One of these."""
    return {"type": "or", "conditions": list(conditions)}


@pytest.mark.parametrize(
    ("condition", "impossible"),
    [
        (compared("n", ">", 5), False),
        (both(compared("n", ">", 5), compared("n", "<", 6)), False),
        (both(compared("n", ">", 5), compared("n", "<=", 5)), True),
        (both(compared("n", ">", 5), compared("m", "<=", 5)), False),
        (both(compared("n", "!=", 5), compared("n", ">=", 5), compared("n", "<=", 5)), True),
        (both(compared("n", "IN", [1, 2]), compared("n", "NOT_IN", [2])), False),
        (both(compared("n", "IN", [1, 2]), compared("n", "NOT_IN", [2, 1])), True),
        (both(compared("t", "==", "shoe"), compared("t", "==", "vase")), True),
        (both(compared("t", ">", "shoe"), compared("t", "<", "shoes")), False),
        (compared("t", "<", ""), True),
        (compared("share", ">=", 1), False),
        (compared("share", ">", 1), True),
        (compared("share", "==", 5), True),
        (either(compared("share", ">", 1), compared("share", "<", 1)), False),
        (either(compared("share", ">", 1), both(compared("n", ">", 1), compared("n", "<", 1))), True),
        (both(either(compared("n", "<", 0), compared("n", ">", 9)), compared("n", "==", 9)), True),
        (null("n", is_null=True), False),
        (null("n", is_null=False), False),
        (null("whole", is_null=True), True),
        (both(null("n", is_null=True), compared("n", ">", 0)), True),
        (both(null("n", is_null=True), null("n", is_null=False)), True),
        (both(*(either(compared("n", "<", 0), compared("n", ">", one)) for one in range(40))), False),
    ],
)
def test_a_condition_is_impossible_if_no_value_meets_it(condition: dict[str, Any], impossible: bool) -> None:
    """Limits, sets, texts and nulls are tried together; shares end at 1, and complete columns have no nulls."""
    assert is_impossible(condition, shares={"share"}, complete={"whole"}) is impossible
