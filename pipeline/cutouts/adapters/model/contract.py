"""Compares a row with its graph: the input, the number of outputs, and the output that is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cutouts.core.errors import ModelError
from cutouts.core.text.counting import counted
from cutouts.models import ModelRow

_AXES = {"nhw": 3, "n1hw": 4, "nhw1": 4}
_CHANNEL = {"n1hw": 1, "nhw1": 3}
"""The axis of an output that is its single channel."""


def require_contract(session: Any, row: ModelRow) -> None:
    """Raise ModelError with every contradiction between a row and its graph.

    Sizes that the graph does not fix are accepted.
    """
    problems = [*_inputs(session.get_inputs(), row), *_outputs(session.get_outputs(), row)]
    if problems:
        raise ModelError(f"the model table's row {row.name!r} contradicts its graph: {'; '.join(problems)}")


def _inputs(inputs: Sequence[Any], row: ModelRow) -> Iterator[str]:
    kind, shape = _expected_input(row)
    if len(inputs) != 1:
        yield f"it has {counted(len(inputs), 'input')}, expected 1"
    taken = inputs[0]
    if taken.type != kind:
        yield f"it takes {taken.type}, the row says {kind}"
    if len(taken.shape) != 4 or not _fits(taken.shape[1:], shape):
        yield f"its input is {taken.shape}, the row says [n, {', '.join(map(str, shape))}]"


def _outputs(outputs: Sequence[Any], row: ModelRow) -> Iterator[str]:
    if row.outputs not in (None, len(outputs)):
        yield f"it has {counted(len(outputs), 'output')}, the row says {row.outputs}"
    if row.output >= len(outputs):
        yield f"it has {counted(len(outputs), 'output')}, the row uses output {row.output}, counted from 0"
        return
    given = outputs[row.output]
    if given.type not in ("tensor(float)", "tensor(float16)"):
        yield f"its output {row.output} is {given.type}, expected tensor(float)"
    if given.shape:  # empty if the graph does not even fix the number of axes
        yield from _served(list(given.shape), row)


def _served(shape: list[int | str | None], row: ModelRow) -> Iterator[str]:
    channel = _CHANNEL.get(row.output_layout)
    if len(shape) != _AXES[row.output_layout] or (channel and not _fits([shape[channel]], [1])):
        yield f"its output {row.output} is {shape}, the row says {row.output_layout}"
        return
    plane = shape[1:3] if row.output_layout == "nhw1" else shape[-2:]
    if row.resize == "letterbox" and not _fits(plane, [row.height_px, row.width_px]):
        yield f"its output {row.output} is {plane} and its input is not, so a letterbox cannot be removed"


def _expected_input(row: ModelRow) -> tuple[str, tuple[int, int, int]]:
    if row.layout == "nhwc-uint8":
        return "tensor(uint8)", (row.height_px, row.width_px, 3)
    return "tensor(float)", (3, row.height_px, row.width_px)


def _fits(have: Sequence[int | str | None], want: Sequence[int]) -> bool:
    return all(not isinstance(one, int) or one == other for one, other in zip(have, want, strict=True))
