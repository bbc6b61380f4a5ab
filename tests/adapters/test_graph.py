"""What can be read from a graph, so that the user need not be asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cutouts.adapters.model.graph import read_graph
from cutouts.adapters.model.half_precision import half_precision
from cutouts.core.errors import ModelError
from cutouts.models import read_file
from tests.tiny_networks import seven, tiny


def test_a_uint8_graph_states_its_layout(tmp_path: Path) -> None:
    """With uint8 NHWC input the graph normalises, so no family is guessed; what a division gives is unknown."""
    tiny(tmp_path / "x.onnx", size=6)
    graph = read_graph(read_file(tmp_path / "x.onnx"))
    assert (graph.layout, graph.width_px, graph.height_px) == ("nhwc-uint8", 6, 6)
    assert (graph.outputs, graph.output_layout, graph.activation, graph.normalisation) == (1, "nhw", None, None)


@pytest.mark.parametrize(
    ("outputs", "sigmoid", "size", "family"),
    [
        (7, True, 320, "U²-Net"),
        (6, True, 1024, "IS-Net"),
        (12, True, 1024, "IS-Net"),
        (1, False, 1024, "BiRefNet"),
        (1, True, 1024, None),
        (6, True, 320, None),
        (2, False, 1024, None),
    ],
)
def test_known_families_are_recognised(
    tmp_path: Path, outputs: int, sigmoid: bool, size: int, family: str | None
) -> None:
    """They are recognised by the number and kind of their outputs, and in doubt nothing is guessed."""
    seven(tmp_path / "x.onnx", size=size, sigmoid=sigmoid, outputs=outputs)
    graph = read_graph(read_file(tmp_path / "x.onnx"))
    assert (graph.normalisation.family if graph.normalisation else None) == family
    assert graph.activation == ("probability" if sigmoid else "logit")
    assert graph.outputs == outputs


def test_a_dynamic_size_stays_unknown(tmp_path: Path) -> None:
    """The user is asked for it."""
    seven(tmp_path / "x.onnx", size="side")
    graph = read_graph(read_file(tmp_path / "x.onnx"))
    assert (graph.width_px, graph.height_px) == (None, None)


def test_a_sigmoid_is_found_behind_operators_that_preserve_it(tmp_path: Path) -> None:
    """A probability stays one when sliced to its channel and clipped, as in the shipped network."""
    nodes = [
        helper.make_node("Sigmoid", ["image"], ["all"]),
        helper.make_node("Gather", ["all", "first"], ["one"], axis=1),
        helper.make_node("Clip", ["one"], ["map"]),
    ]
    graph = helper.make_graph(
        nodes,
        "x",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 8, 8])],
        [numpy_helper.from_array(np.array(0), "first")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "x.onnx")
    read = read_graph(read_file(tmp_path / "x.onnx"))
    assert (read.activation, read.output_layout) == ("probability", "nhw")


def _second_input(graph: onnx.GraphProto) -> None:
    graph.input.append(helper.make_tensor_value_info("prompt", TensorProto.FLOAT, [1, 2]))


def _five_channels(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


def _classes(graph: onnx.GraphProto) -> None:
    graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4


def _whole_numbers(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_second_input, "has 2 inputs, expected 1: image, prompt"),
        (_five_channels, r"has the input float \[None, 5, 4, 4\]"),
        (_classes, r"has the output \[None, 4, 4, 4\]; expected one channel"),
        (_whole_numbers, "has the input int64"),
    ],
)
def test_graphs_that_no_row_can_describe_are_refused(
    tmp_path: Path, change: Callable[[onnx.GraphProto], None], words: str
) -> None:
    """Prompts, more than three channels, class maps and other types are refused."""
    seven(tmp_path / "x.onnx")
    model = onnx.load(tmp_path / "x.onnx")
    change(model.graph)
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match=words):
        read_graph(read_file(tmp_path / "x.onnx"))


def test_a_converted_graph_is_valid_and_keeps_its_shape(tmp_path: Path) -> None:
    """Inputs and outputs stay float32, and every number inside that may be halved is half as large."""
    seven(tmp_path / "x.onnx")
    half = onnx.load_from_string(half_precision(read_file(tmp_path / "x.onnx")))
    whole = onnx.load(tmp_path / "x.onnx")
    onnx.checker.check_model(half, full_check=True)
    assert [one.type for one in (*half.graph.input, *half.graph.output)] == [
        one.type for one in (*whole.graph.input, *whole.graph.output)
    ]
    assert {one.data_type for one in half.graph.initializer if one.name.startswith("shift")} == {TensorProto.FLOAT16}
