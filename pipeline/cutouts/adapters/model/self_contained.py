"""A network must be one file: other files that its graph would read were never verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cutouts.core.errors import ModelError
from cutouts.models import ModelFile

if TYPE_CHECKING:
    from onnx import ModelProto

_MARKS = (b"location", b"EPContext")
"""A file without these bytes refers to no other: ONNX names a tensor's file under the first, and only the operator
`EPContext` reads an engine that was compiled before. They may be a name of something else, then the graph is read."""


def require_contained(file: ModelFile) -> None:
    """Raise ModelError if any part of the graph is in another file; fast for a graph without such references."""
    if any(mark in file.data for mark in _MARKS):
        parse(file)


def parse(file: ModelFile) -> ModelProto:
    """The graph in `file`. Raises ModelError if it is not an ONNX graph, or refers to other files."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(file.data)
    except DecodeError as error:
        raise ModelError(f"{file.path} is not an ONNX graph that can be read: {error}") from error
    for message in _messages(model):
        kind = message.DESCRIPTOR.name
        if kind == "TensorProto" and (message.external_data or message.data_location == onnx.TensorProto.EXTERNAL):
            raise ModelError(
                f"{file.path} keeps weights in other files ({message.name!r}), which could not be verified; save it as "
                "one file"
            )
        if kind == "NodeProto" and message.op_type == "EPContext":
            raise ModelError(
                f"{file.path} contains code that was compiled elsewhere (EPContext); export it without that",
            )
    return model


def _messages(message: Any) -> Iterator[Any]:
    """The message and all that it consists of: nodes, subgraphs, functions, sparse tensors, attributes."""
    waiting = [message]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting += value if field.is_repeated else [value]
