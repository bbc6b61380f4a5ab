"""The columns that a manifest may have, by name and type, before any value is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.types as kinds

from cutouts.schemas.tables import MANIFEST

DATE = "date"
"""The column, or the key of a folder, that states the day of delivery."""
SCOPE = "scope"
"""The column that says whether a delivery is complete (`full`) or has only new and changed images (`delta`)."""
FULL, DELTA = "full", "delta"


def check_structure(schema: pa.Schema, *, rows: int = 1) -> tuple[str, ...]:
    """Every problem of a file's columns, as text; none if `conversion.conform` can convert it.

    A column that may be null may also be missing, and other columns are ignored. Types may differ if no value is lost:
    any type of text (also as a dictionary), any integer, decimal numbers, any unit of time with any stated time zone,
    and the null type if every value may be null or there are no `rows`.
    """
    problems = [problem for field in MANIFEST if (problem := _problem(field, schema, rows))]
    return (*problems, *_date_problems(schema), *_scope_problems(schema), *_look_alikes(schema))


def _problem(field: pa.Field, schema: pa.Schema, rows: int) -> str | None:
    places = schema.get_all_field_indices(field.name)
    if not places:
        return None if field.nullable else f"{field.name}: missing; expected {field.type}"
    if len(places) > 1:
        return f"{field.name}: {len(places)} columns have this name"
    found = schema.field(places[0]).type
    if kinds.is_timestamp(field.type) and kinds.is_timestamp(found) and found.tz is None:
        return f"{field.name}: states no time zone; expected times in UTC ({field.type}), found {found}"
    if (kinds.is_null(found) and (field.nullable or not rows)) or _fits(found, field.type):
        return None
    return f"{field.name}: expected {field.type}, found {found}"


def _date_problems(schema: pa.Schema) -> Iterator[str]:
    return _column_problems(schema, DATE, "a date", kinds.is_date, kinds.is_timestamp)


def _scope_problems(schema: pa.Schema) -> Iterator[str]:
    return _column_problems(schema, SCOPE, f"{FULL} or {DELTA}")


def _column_problems(
    schema: pa.Schema, name: str, expected: str, *fits: Callable[[pa.DataType], bool]
) -> Iterator[str]:
    """What is wrong with a column that may be missing, and may be text, null, or of a type that one of `fits` takes."""
    places = schema.get_all_field_indices(name)
    if len(places) > 1:
        yield f"{name}: {len(places)} columns have this name"
    elif places:
        found = schema.field(places[0]).type
        if not any(fit(found) for fit in (kinds.is_null, is_text, *fits)):
            yield f"{name}: expected {expected}, found {found}"


def _look_alikes(schema: pa.Schema) -> Iterator[str]:
    """Columns that look like a misspelling of ours. If they were ignored silently, their values would be lost."""
    known = {*MANIFEST.names, DATE, SCOPE}
    for name in schema.names:
        meant = name.strip().lower()
        if name not in known and meant in known:
            yield f"{name!r}: did you mean {meant!r}? Names of columns are told apart by case and spaces"


def _fits(found: pa.DataType, expected: pa.DataType) -> bool:
    if kinds.is_string(expected):
        return is_text(found)
    value = found.value_type if kinds.is_dictionary(found) else found
    if kinds.is_integer(expected):
        return bool(kinds.is_integer(value) or kinds.is_decimal(value))
    return bool(kinds.is_timestamp(value))


def is_text(found: pa.DataType) -> bool:
    """Whether a column of this type holds text, also as a dictionary."""
    text = found.value_type if kinds.is_dictionary(found) else found
    return bool(kinds.is_string(text) or kinds.is_large_string(text) or kinds.is_string_view(text))
