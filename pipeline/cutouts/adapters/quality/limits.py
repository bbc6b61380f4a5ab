"""Finds rules that no value can fail: they compare with nothing, or with limits beyond the range of their column."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from cutouts.adapters.quality.safety import is_number
from cutouts.schemas.tables import METRICS

SHARES: Mapping[str, frozenset[str]] = {
    "images": frozenset({
        "p_bad",
        *(one.name for one in METRICS if (one.metadata or {}).get(b"unit", b"").startswith((b"share", b"prob", b"0"))),
    }),
    "delivery": frozenset({"bad", "rejected"}),
    "counts": frozenset({"bad_at_most", "rejected_at_most"}),
    "drift": frozenset({"distance", "distance_at_least", "p_value"}),
}  # fmt: skip
"""The columns of each frame whose values are from 0 to 1."""

_LIMITS = ("min_value", "max_value")
_SUM = "expect_column_sum_to_be_between"
_NUMBERS = frozenset({"max_value", "min_value", "sum_total", "threshold", "value"})
_LISTS = frozenset({"column_list", "regex_list", "value_pairs_set", "value_set"})
_TEXTS = frozenset({"regex", "strftime_format"})
_NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "quantile_values_to_be_between": (("quantile_ranges",),),
    "_to_be_between": (_LIMITS,),
    "kl_divergence_to_be_less_than": (("partition_object",), ("threshold",)),
    "z_scores_to_be_less_than": (("threshold",),),
}
"""By the ending of a type: one of each of these arguments has to be given, or the rule is met by everything."""
_NEVER_BELOW_ZERO: Mapping[str, float] = {
    "expect_table_row_count_to_be_between": math.inf,
    "expect_column_unique_value_count_to_be_between": math.inf,
    "expect_column_stdev_to_be_between": math.inf,
    "expect_column_value_lengths_to_be_between": math.inf,
    "expect_column_proportion_of_unique_values_to_be_between": 1,
    "expect_column_proportion_of_non_null_values_to_be_between": 1,
}
"""Statistics that are at least 0 whatever the column, each with its largest value."""
_COUNTED = frozenset({"images", "bad", "rejected"})
"""The columns of the frame `counts` that are counts."""
_IN_RANGE = ("values", "max", "mean", "median", "min")
"""The statistics of a column that have the range of its values."""


def toothless(kind: str, kwargs: Mapping[str, object], frame: str) -> Iterator[str]:
    """Why no value can fail a rule of this type on that frame, in words; nothing if one can."""
    for name, value in kwargs.items():
        if name in _NUMBERS and not (value is None or is_number(value)):
            yield f"{name} is a number, not {value!r}"
        elif (name in _LISTS and not (isinstance(value, list) and value)) or (name in _TEXTS and not value):
            yield f"{name} is empty"
    for ending in [one for one in _NEEDS if kind.endswith(one)][:1]:
        for names in _NEEDS[ending]:
            if all(kwargs.get(name) is None for name in names):
                yield f"it needs {' or '.join(names)}, or it is met by everything"
    if kind.endswith("quantile_values_to_be_between"):
        yield from _quantiles(kwargs.get("quantile_ranges"))
    if "column_A" in kwargs and kwargs["column_A"] == kwargs.get("column_B"):
        yield "column_A and column_B are the same"
    yield from _unlimited(kind, str(kwargs.get("column")), kwargs, frame)


def _unlimited(kind: str, column: str, kwargs: Mapping[str, object], frame: str) -> Iterator[str]:
    """That limits are beyond what is possible, or that every possible value meets them."""
    of_values = kind in [f"expect_column_{one}_to_be_between" for one in _IN_RANGE]
    share = column in SHARES.get(frame, ())
    if share and of_values:
        yield from _beyond(column, kwargs)
    elif share and kind == _SUM:
        yield from _always_met(f"the sum of {column} is", kwargs, math.inf)
    elif frame == "counts" and column in _COUNTED and (of_values or kind == _SUM):
        yield from _always_met(f"{column} is", kwargs, math.inf)
    elif kind in _NEVER_BELOW_ZERO:
        yield from _always_met("it judges a value that is", kwargs, _NEVER_BELOW_ZERO[kind])


def _beyond(column: str, kwargs: Mapping[str, Any]) -> Iterator[str]:
    limits: dict[str, float] = {name: one for name, one in kwargs.items() if name in _LIMITS and is_number(one)}
    for name, value in limits.items():
        if not 0 <= value <= 1:
            yield f"{name} is {value!r}, but {column} is from 0 to 1"
    open_below = limits.get("min_value", 0) <= 0 and not kwargs.get("strict_min")
    open_above = limits.get("max_value", 1) >= 1 and not kwargs.get("strict_max")
    if limits and open_below and open_above:
        yield f"every value of {column} from 0 to 1 meets it"


def _always_met(what: str, kwargs: Mapping[str, Any], largest: float) -> Iterator[str]:
    """That every value from 0 to `largest` meets these limits; nothing if one does not."""
    limits: dict[str, float] = {name: one for name, one in kwargs.items() if name in _LIMITS and is_number(one)}
    below = limits.get("min_value", -1) < 0 or (limits.get("min_value") == 0 and not kwargs.get("strict_min"))
    above = limits.get("max_value", math.inf) >= largest and not (
        limits.get("max_value") == largest and kwargs.get("strict_max")
    )
    if limits and below and above:
        yield f"{what} never below 0{'' if largest == math.inf else f' or above {largest:g}'}, so every value meets it"


def _quantiles(ranges: object) -> Iterator[str]:
    """The problems of a list of quantiles with a lower and an upper limit each, of which one may be null."""
    pairs: Any = ranges.get("value_ranges") if isinstance(ranges, dict) else None
    if not isinstance(pairs, list) or not pairs or not all(map(_is_range, pairs)):
        yield "quantile_ranges needs a value range with at least one number for each quantile"


def _is_range(pair: object) -> bool:
    """Whether it is a lower and an upper limit, of which one may be null."""
    return isinstance(pair, list) and any(map(is_number, pair)) and all(one is None or is_number(one) for one in pair)
