"""Checks that a network is a single file, because other files that its graph reads would not be verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cutouts.core.errors import ModelError
from cutouts.models import ModelFile

if TYPE_CHECKING:
    from onnx import ModelProto

_MARKS = (b"location", b"EPContext")
"""A file without these bytes does not refer to others: ONNX names the file of a tensor under the first, and only the
operator `EPContext` reads a precompiled engine. They may also be other names, so if they occur, the graph is parsed."""


def require_contained(file: ModelFile) -> None:
    """Raise ModelError if any part of the graph is in another file. This is fast if the marks do not occur."""
    if any(mark in file.data for mark in _MARKS):
        parse(file)


def parse(file: ModelFile) -> ModelProto:
    """The graph in `file`. Raises ModelError if it is not an ONNX graph, refers to other files or has compiled code."""
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
    """The message and all messages in it: nodes, subgraphs, functions, sparse tensors, attributes."""
    waiting = [message]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting += value if field.is_repeated else [value]
