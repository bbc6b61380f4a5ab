"""Tiny networks as real ONNX files, and images for them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

from cutouts.core.pixels import Bytes, Photograph
from cutouts.evaluation.image_sets import Case


def red_is_product(path: Path, *, share: float = 1.0) -> Path:
    """A network of our kind that returns `share` · red / 255, uint8 (N, 8, 8, 3) to (N, 8, 8)."""
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["floats", "red"], ["plane"], axis=3),
        helper.make_node("Div", ["plane", "full"], ["out"]),
    ]
    feed = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 3])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 8, 8])
    red = helper.make_tensor("red", TensorProto.INT64, [], [0])
    return _saved(path, nodes, feed, out, red, helper.make_tensor("full", TensorProto.FLOAT, [], [255.0 / share]))


def faint_like_u2net(path: Path) -> Path:
    """A network like U²-Net that returns a tenth of its first channel, (1, 3, 320, 320) to (1, 1, 320, 320)."""
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "one"], ["first"]),
        helper.make_node("Mul", ["first", "tenth"], ["out"]),
    ]
    feed = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 320, 320])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, 320, 320])
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("zero", 0), ("one", 1))]
    return _saved(path, nodes, feed, out, *constants, helper.make_tensor("tenth", TensorProto.FLOAT, [], [0.1]))


def half_red(name: str = "half", height: int = 40, width: int = 60) -> Case:
    """An image whose right half is red and is the product."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :, 0] = 255
    return Case(name=name, photograph=Photograph(rgb=image), truth=(image[..., 0] / 255).astype(np.float32))


def picture(path: Path, pixels: Bytes) -> Path:
    """The pixels, grey or RGB(A), as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[pixels.shape[2] if pixels.ndim == 3 else 2]
    assert cv2.imwrite(str(path), pixels if order is None else cv2.cvtColor(pixels, order))
    return path


def a_set(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """A folder of half-red images and the folder of their truths."""
    images, truth = folder / "pictures", folder / "masks"
    for name in names:
        case = half_red()
        picture(images / f"{name}.png", case.photograph.rgb)
        picture(truth / f"{name}.png", (case.truth * 255).astype(np.uint8))
    return images, truth


def _saved(
    path: Path, nodes: list[onnx.NodeProto], feed: onnx.ValueInfoProto, out: onnx.ValueInfoProto, *constants: object
) -> Path:
    graph = helper.make_graph(nodes, "tiny", [feed], [out], initializer=list(constants))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
