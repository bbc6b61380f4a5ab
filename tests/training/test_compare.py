"""Networks beside each other: the literature's F, tables that a person reads, U²-Net as rembg runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipeline.training.cache import Pixels
from pipeline.training.compare import MaximalF, Row, compared, table
from pipeline.training.contenders import Answer, AsRembg, Ours
from pipeline.training.testsets import Case


def _saved(path: Path, nodes: list[onnx.NodeProto], feed: onnx.ValueInfoProto, *constants: onnx.TensorProto) -> Path:
    """A tiny network of `nodes` whose output is called `out`."""
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "tiny", [feed], [out], initializer=list(constants))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def _red_is_product(path: Path) -> Path:
    """A network of ours that says red / 255, uint8 (N, 8, 8, 3) to (N, 8, 8)."""
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["floats", "red"], ["plane"], axis=3),
        helper.make_node("Div", ["plane", "full"], ["out"]),
    ]
    feed = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 3])
    red = helper.make_tensor("red", TensorProto.INT64, [], [0])
    return _saved(path, nodes, feed, red, helper.make_tensor("full", TensorProto.FLOAT, [], [255.0]))


def _dimmed_first_channel(path: Path) -> Path:
    """A network of U²-Net's form: a tenth of the first channel plus a half, (1, 3, 320, 320) to (1, 1, 320, 320)."""
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "one"], ["first"]),
        helper.make_node("Mul", ["first", "tenth"], ["out"]),
    ]
    feed = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 320, 320])
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("zero", 0), ("one", 1))]
    return _saved(path, nodes, feed, *constants, helper.make_tensor("tenth", TensorProto.FLOAT, [], [0.1]))


def _half_red() -> Case:
    """An image whose right half is red and is the product."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:, 0] = 255
    return Case(name="half", image=image, truth=(image[..., 0] / 255).astype(np.float32))


class _Always:
    """A network that says the same everywhere."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __call__(self, image: Pixels) -> Answer:
        """`value` at every pixel."""
        return Answer(matte=np.full(image.shape[:2], self._value, np.float32), seconds=0.01)


def test_maximal_f_is_what_counting_by_hand_gives() -> None:
    """Precision and recall averaged per threshold over the images, then the best F of β² = 0.3."""
    truth = np.array([[1, 1, 0, 0]], np.float32)
    curve = MaximalF()
    curve.add("net", np.array([[1.0, 0.4, 0.4, 0.0]], np.float32), truth)
    precision, recall = 1.0, 0.5
    high = 1.3 * precision * recall / (0.3 * precision + recall)
    low = 1.3 * (2 / 3) * 1.0 / (0.3 * (2 / 3) + 1.0)
    assert curve.value("net") == pytest.approx(max(high, low))


def test_our_network_is_run_at_its_own_size_and_upscaled(tmp_path: Path) -> None:
    """The answer has the image's size, and away from the edge it is what the network said."""
    case = _half_red()
    answer = Ours(_red_is_product(tmp_path / "red.onnx"))(case.image)
    assert answer.matte.shape == case.truth.shape
    assert answer.matte[:, 50:].min() == pytest.approx(1.0)
    assert answer.matte[:, :10].max() == pytest.approx(0.0)


def test_rembg_stretches_whatever_the_network_says(tmp_path: Path) -> None:
    """Even a faint difference becomes 0 and 1: that is what rembg's users get, and what we never do."""
    answer = AsRembg(_dimmed_first_channel(tmp_path / "faint.onnx"))(_half_red().image)
    assert answer.matte.min() == pytest.approx(0.0)
    assert answer.matte.max() == pytest.approx(1.0)


def test_every_network_answers_every_image() -> None:
    """Rows come images outside, networks inside, with their metrics."""
    case = _half_red()
    rows = list(compared("plain", [case, case], {"none": _Always(0.0), "all": _Always(1.0)}))
    assert [row.network for row in rows] == ["none", "all", "none", "all"]
    assert [row.iou for row in rows[:2]] == pytest.approx([0.0, 0.5])
    assert rows[1].area == 1.0


def test_the_table_has_a_line_for_each_network() -> None:
    """Products by set, the empty scenes taken for a product, and photographs stand side by side."""
    networks = {"none": _Always(0.0), "all": _Always(1.0)}
    curve = MaximalF()
    rows: list[Row] = [*compared("plain", [_half_red()], networks)]
    scene = Case(name="room", image=np.zeros((9, 9, 3), np.uint8), truth=np.zeros((9, 9), np.float32))
    rows += [*compared("empty", [scene], networks), *compared("photographs", [_half_red()], networks, curve)]
    lines = table(rows, curve).splitlines()
    assert lines[0].startswith("| network | plain | empty")
    assert "0.5000 / 0.500" in lines[3]
    assert "1.0000 / 1 of 1" in lines[3]
    assert "0.0000 / 0 of 1" in lines[2]
