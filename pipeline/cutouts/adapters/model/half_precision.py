"""Converts a network to half precision, the fastest arithmetic on a GPU. Useless on a CPU."""

from __future__ import annotations

import logging
from typing import Any

from cutouts.adapters.model.self_contained import parse
from cutouts.core.errors import ModelError
from cutouts.models import ModelFile


def half_precision(source: ModelFile) -> bytes:
    """The graph of `source` with float16 inside, as bytes. Inputs and outputs keep their types.

    ONNX Runtime's converter clips values to the range of half precision, and keeps operators for which it is unsuitable
    in single precision. Raises ModelError if the graph cannot be converted.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    logging.getLogger("onnxruntime.transformers.float16").setLevel(logging.ERROR)
    try:
        model = convert_float_to_float16(parse(source), keep_io_types=True)
        _sort(model.graph)
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise ModelError(f"{source.path.name} cannot be converted to half precision: {error}") from error
    return bytes(model.SerializeToString())


def _sort(graph: Any) -> None:
    """Sort the nodes so that each comes after those whose output it reads, as ONNX requires.

    This is needed because the converter appends its casts at the end.
    """
    makers = {name: node for node in graph.node for name in node.output}
    done: dict[int, Any] = {}
    waiting = list(reversed(graph.node))
    while waiting:
        node = waiting[-1]
        needed = [makers[name] for name in _reads(node) if name in makers and id(makers[name]) not in done]
        if needed and id(node) not in done:
            waiting += needed
        else:
            done.setdefault(id(waiting.pop()), node)
    ordered = list(done.values())
    del graph.node[:]
    graph.node.extend(ordered)


def _reads(node: Any) -> list[str]:
    """The inputs of a node, including those of its branches and loops."""
    inner = [name for field in node.attribute for one in field.g.node for name in _reads(one)]
    return [*node.input, *inner]
