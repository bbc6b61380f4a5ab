"""Tries a suite on made-up masks that are all bad: whether each of its rules can be applied, and whether it would
publish all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds
from numpy.typing import NDArray

from cutouts.adapters.quality.frames import counts_frame, delivery_frame
from cutouts.adapters.quality.suite import ROW_COUNTS, Rule, Suite
from cutouts.adapters.quality.validation import Check, broken_groups, validate
from cutouts.core.drift import drift, measured
from cutouts.schemas.tables import METRICS

_ROWS = 20
_NEAR = 0.01
"""How far the values of these masks are from the ends of their range: none is like another."""
_MANY = 1_000
"""What a count or a length is at its upper end."""
_SCHEMA = METRICS.append(pa.field("p_bad", pa.float32())).append(pa.field("category", pa.string()))


def try_every_rule(suite: Suite) -> None:
    """Apply each rule to a frame with the columns and types of the real one, whether it is met or not.

    Raises GateError if that is not possible, for example because a column is misspelt.
    """
    _apply(_Tried(rules=repr(suite), suite=suite))


def publishes_all(suite: Suite) -> bool:
    """Whether `suite` would publish two deliveries whole in which every mask is certainly bad (`p_bad` from 0.99 to 1):
    in the first all other measurements are at the lower end of their range, in the second at the upper end.

    Rules about how many images there are, or about drift, say nothing about a mask and are left out, like rules that
    only report.
    """
    return _passes(_Tried(rules=repr(suite), suite=suite))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """A suite that is remembered by its rules, because to try one takes up to 400 ms of CPU."""

    rules: str
    suite: Suite = field(compare=False)


@lru_cache(maxsize=64)
def _apply(tried: _Tried) -> None:
    low, high = _worst()
    frames = _frames(low) | {"drift": drift(measured(low).samples, measured(high).samples)}
    for frame, rows in frames.items():
        validate(tried.suite.on(frame), rows, "SUMMARY")


@lru_cache(maxsize=64)
def _passes(tried: _Tried) -> bool:
    rules = [rule for rule in tried.suite.rules if rule.binding and not _is_about_size(rule)]
    return not any(_stopped(rules, masks) for masks in _worst())


def _is_about_size(rule: Rule) -> bool:
    return rule.type in ROW_COUNTS or (rule.frame == "counts" and rule.column == "images")


def _stopped(rules: Sequence[Rule], masks: pa.Table) -> bool:
    """Whether the rules quarantine one of the masks, or hold the delivery although none is in quarantine."""
    if not all(check.success for check in _checks(rules, "quarantine", "images", masks)):
        return True
    frames = _frames(masks).items()
    return bool(broken_groups([check for frame, rows in frames for check in _checks(rules, "hold", frame, rows)]))


def _frames(masks: pa.Table) -> dict[str, pa.Table]:
    """What rules judge of a delivery of these masks, none of which is in quarantine."""
    delivery = delivery_frame(masks, np.zeros(masks.num_rows, np.int64), {})
    return {"images": masks, "delivery": delivery, "counts": counts_frame(delivery)}


def _checks(rules: Sequence[Rule], action: str, frame: str, rows: pa.Table) -> tuple[Check, ...]:
    return validate([rule for rule in rules if (rule.action, rule.frame) == (action, frame)], rows, "SUMMARY")


def _worst() -> Iterator[pa.Table]:
    for low in (0.0, 1 - _NEAR):
        shares = np.linspace(low, low + _NEAR, _ROWS)
        columns = {column.name: _values(column, shares) for column in _SCHEMA}
        columns["p_bad"] = pa.array(np.linspace(1 - _NEAR, 1, _ROWS), pa.float32())
        yield pa.table(columns, schema=_SCHEMA)


def _values(column: pa.Field, shares: NDArray[np.float64]) -> pa.Array:
    if column.name == "category":
        return pa.nulls(_ROWS, pa.string())
    if kinds.is_floating(column.type):
        return pa.array(shares, column.type)
    if kinds.is_integer(column.type):
        return pa.array(np.rint(shares * _MANY), column.type)
    return pa.array([f"{column.name} {number}" for number in range(_ROWS)], column.type)
