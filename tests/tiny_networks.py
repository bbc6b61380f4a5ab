"""Real ONNX files of a few hundred bytes with outputs that can be computed by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def tiny(
    path: Path,
    *,
    size: int = 4,
    fixed_batch: bool = False,
    output: Sequence[str | int] | None = None,
) -> str:
    """A network that returns the first channel divided by 255; gives the file's sha256.

    `output` is the declared and actual shape of its output; with three channels it returns all of them.
    """
    batch = 1 if fixed_batch else "n"
    shape = output or [batch, size, size]
    target = [0, *shape[1:]]
    first = [0, 1, 2] if 3 in target else [0]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["float", "first"], ["channel"], axis=3),
        helper.make_node("Div", ["channel", "full"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["saliency"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, size, size, 3])],
        [helper.make_tensor_value_info("saliency", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(np.array(first), "first"),
            numpy_helper.from_array(np.float32(255), "full"),
            numpy_helper.from_array(np.array(target, np.int64), "shape"),
        ],
    )
    return _saved(graph, path)


def seven(path: Path, *, size: int | str = 4, sigmoid: bool = True, outputs: int = 7) -> str:
    """A float network with several maps like U²-Net: map k is the (sigmoid of the) red channel plus k."""
    nodes, shifts = [], []
    for index in range(outputs):
        shifts.append(numpy_helper.from_array(np.float32(index), f"shift{index}"))
        nodes.append(helper.make_node("Add", ["red", f"shift{index}"], [f"logit{index}" if sigmoid else f"map{index}"]))
        if sigmoid:
            nodes.append(helper.make_node("Sigmoid", [f"logit{index}"], [f"map{index}"]))
    graph = helper.make_graph(
        [helper.make_node("Gather", ["image", "first"], ["red"], axis=1), *nodes],
        "seven",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, size, size])],
        [
            helper.make_tensor_value_info(f"map{index}", TensorProto.FLOAT, ["n", 1, size, size])
            for index in range(outputs)
        ],
        [numpy_helper.from_array(np.array([0]), "first"), *shifts],
    )
    return _saved(graph, path)


def surprising(path: Path) -> str:
    """A float network that returns its three channels, which its graph does not state before it runs."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["brightest"], axes=[0, 2, 3], keepdims=0),
        helper.make_node("GreaterOrEqual", ["brightest", "black"], ["kept"]),
        helper.make_node("Compress", ["image", "kept"], ["saliency"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "surprising",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 4, 4])],
        [helper.make_tensor_value_info("saliency", TensorProto.FLOAT, ["n", "c", 4, 4])],
        [numpy_helper.from_array(np.float32(0), "black")],
    )
    return _saved(graph, path)


def picky(path: Path, *, limit: int) -> str:
    """`tiny` for a whole number of images, which fails on every image with a red value of `limit` or more.

    The brightest red of each image is looked up in a table of `limit` zeros, and ONNX Runtime checks the bounds.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["float", "first"], ["channel"], axis=3),
        helper.make_node("ReduceMax", ["channel"], ["brightest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Cast", ["brightest"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["zeros", "place"], ["zero"]),
        helper.make_node("Unsqueeze", ["zero", "axes"], ["shift"]),
        helper.make_node("Div", ["channel", "full"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["flat"]),
        helper.make_node("Add", ["flat", "shift"], ["saliency"]),
    ]
    graph = helper.make_graph(
        nodes,
        "picky",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 4, 4, 3])],
        [helper.make_tensor_value_info("saliency", TensorProto.FLOAT, ["n", 4, 4])],
        [
            numpy_helper.from_array(np.array([0]), "first"),
            numpy_helper.from_array(np.zeros(limit, np.float32), "zeros"),
            numpy_helper.from_array(np.array([1, 2]), "axes"),
            numpy_helper.from_array(np.float32(255), "full"),
            numpy_helper.from_array(np.array([0, 4, 4], np.int64), "shape"),
        ],
    )
    return _saved(graph, path)


def _saved(graph: onnx.GraphProto, path: Path) -> str:
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
