"""What is wrong with a value in a file of settings, in our words: pydantic's own speak of inputs and instances."""

from __future__ import annotations

from typing import TypedDict

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotation marks",
    "tuple_type": "a list",
    "model_type": "a table",
}
_PREFIXES = {
    "Value error, ": "",
    "Input should be": "expected",
    "Field required": "it is missing",
    "Extra inputs are not permitted": "unknown",
}


class WrongValue(TypedDict):
    """What is used of an error of pydantic: its kind, where the value is, and pydantic's words."""

    type: str
    loc: tuple[int | str, ...]
    msg: str


def wrong_value(error: WrongValue) -> str:
    """What was expected. It does not contain the value, which may be a secret."""
    if error["type"] in _KINDS:
        return f"expected {_KINDS[error['type']]}"
    words = error["msg"]
    for prefix, ours in _PREFIXES.items():
        if words.startswith(prefix):
            return ours + words.removeprefix(prefix)
    return words
