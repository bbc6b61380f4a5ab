"""The site's own rows as text: a row is appended, so that what a person wrote beside the others stays."""

from __future__ import annotations

import json

from cutouts.models.table import ModelRow

_HEAD = "# This site's own networks. Fields as in the shipped table; a row that contradicts its graph is refused.\n"


def with_row(text: str, row: ModelRow) -> str:
    """The table `text`, TOML, with one more row; fields that have their default are left out."""
    fields = row.model_dump(exclude_defaults=True)
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items()]
    return "\n".join([text.rstrip() or _HEAD.rstrip(), "", "[[models]]", *lines, ""])


def _toml(value: object) -> str:
    """A value of a row as TOML: a JSON string is a basic string there, as are its numbers, booleans and arrays."""
    return json.dumps(value, ensure_ascii=False)
