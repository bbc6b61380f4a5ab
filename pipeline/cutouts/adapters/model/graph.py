"""Reads facts from an ONNX graph, so that a person only has to answer the remaining questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutouts.adapters.model.self_contained import parse
from cutouts.core.errors import ModelError
from cutouts.core.text.counting import counted
from cutouts.models import ModelFile
from cutouts.models.table import Activation, Layout, OutputLayout

_PASSES = frozenset({
    "Cast", "Clip", "DequantizeLinear", "Flatten", "Gather", "Identity", "QuantizeLinear", "Reshape", "Resize", "Slice",
    "Squeeze", "Transpose", "Unsqueeze", "Upsample",
})  # fmt: skip
"""Operators that do not change whether a value is a probability or a logit."""
_LOGIT = frozenset({"Add", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "Gemm", "MatMul", "Sum"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """The input normalisation with which a known family of networks was trained; `family` is its name."""

    family: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    divide_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Facts of a graph; None if the graph does not fix them. Sizes in px."""

    layout: Layout
    width_px: int | None
    height_px: int | None
    outputs: int
    output_layout: OutputLayout
    activation: Activation | None
    normalisation: Normalisation | None


def read_graph(file: ModelFile, *, output: int = 0) -> Graph:
    """The facts of the graph in `file`, for its output number `output` (from 0).

    Raises ModelError if the file is not an ONNX graph, refers to other files, or cannot be described by a row.
    """
    graph, path = parse(file).graph, file.path
    if not graph.output:
        raise ModelError(f"{path} is not an ONNX graph: it has no output")
    weights = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in weights]
    if len(inputs) != 1:
        raise ModelError(
            f"{path.name} has {counted(len(inputs), 'input')}, expected 1: {', '.join(i.name for i in inputs)}"
        )
    if output >= len(graph.output):
        raise ModelError(
            f"{path.name} has {counted(len(graph.output), 'output')}; output {output}, counted from 0, does not exist"
        )
    layout, width, height = _taken(inputs[0], path)
    activations = [_activation(graph, one.name) for one in graph.output]
    return Graph(
        layout=layout,
        width_px=width,
        height_px=height,
        outputs=len(graph.output),
        output_layout=_given(graph.output[output], path),
        activation=activations[output],
        normalisation=_family(layout, width, activations),
    )


def _taken(value: Any, path: Path) -> tuple[Layout, int | None, int | None]:
    """Layout, width and height (px) of the input. Raises ModelError if it has neither of our layouts."""
    import onnx

    kind, shape = value.type.tensor_type.elem_type, _shape(value)
    if kind == onnx.TensorProto.UINT8 and len(shape) == 4 and shape[3] in (3, None):
        return "nhwc-uint8", shape[2], shape[1]
    if kind == onnx.TensorProto.FLOAT and len(shape) == 4 and shape[1] in (3, None):
        return "nchw-float32", shape[3], shape[2]
    told = f"{onnx.TensorProto.DataType.Name(kind).lower()} {shape}"
    raise ModelError(f"{path.name} has the input {told}; expected uint8 [n, h, w, 3] or float [n, 3, h, w]")


def _given(value: Any, path: Path) -> OutputLayout:
    shape = _shape(value)
    if len(shape) == 3:
        return "nhw"
    if len(shape) == 4 and shape[1] in (1, None):
        return "n1hw"
    if len(shape) == 4 and shape[3] == 1:
        return "nhw1"
    raise ModelError(
        f"{path.name} has the output {shape}; expected one channel: [n, h, w], [n, 1, h, w] or [n, h, w, 1]"
    )


def _shape(value: Any) -> list[int | None]:
    return [axis.dim_value or None for axis in value.type.tensor_type.shape.dim]


def _activation(graph: Any, name: str) -> Activation | None:
    """Whether the output is a probability or a logit, by the last operator that changes this; None if unknown."""
    makers = {made: node for node in graph.node for made in node.output}
    while (node := makers.get(name)) is not None and node.op_type in _PASSES:
        name = node.input[0]
    if node is None:
        return None
    if node.op_type in ("Sigmoid", "HardSigmoid"):
        return "probability"
    return "logit" if node.op_type in _LOGIT else None


def _family(layout: Layout, width: int | None, activations: Sequence[Activation | None]) -> Normalisation | None:
    """The family, recognised by its outputs: U²-Net has seven maps, IS-Net six and often six features after them.

    BiRefNet has a single logit. None if the family is unknown or the input is uint8.
    """
    if layout == "nhwc-uint8":
        return None
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    if list(activations) == ["probability"] * 7:
        return Normalisation(family="U²-Net", divide_by="own maximum", **imagenet)
    if list(activations[:6]) == ["probability"] * 6 and len(activations) in (6, 12) and width == 1024:
        return Normalisation(family="IS-Net", mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0), divide_by="255")
    if list(activations) == ["logit"] and width in (1024, 2048):
        return Normalisation(family="BiRefNet", divide_by="255", **imagenet)
    return None
