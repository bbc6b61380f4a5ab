"""A network in half precision: half the bytes, and the arithmetic that a GPU does fastest. No use on a CPU."""

from __future__ import annotations

import logging
from typing import Any

from cutouts.adapters.model.self_contained import parse
from cutouts.core.errors import ModelError
from cutouts.models import ModelFile


def half_precision(source: ModelFile) -> bytes:
    """The graph of `source` with float16 inside; what goes in and what comes out keep their types.

    Values that half precision cannot hold are clipped to its range, and operators that it does not suit stay in single
    precision (ONNX Runtime's converter). Raises ModelError for a graph that it cannot convert.
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
    """The nodes, each after those whose output it reads, as ONNX requires; the converter appends its casts."""
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
