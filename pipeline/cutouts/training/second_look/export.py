"""Adds the second look to an exported network, in one graph with the same input `image` and output `saliency`."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch
from onnx import compose
from torch import nn
from torch.nn import functional

from cutouts.adapters.model.self_contained import parse
from cutouts.core.errors import ModelError
from cutouts.models import read_file
from cutouts.training.export.graph import OPSET, SECOND_LOOK, folded, is_mended, padded_convolutions
from cutouts.training.second_look.network import SIZE, Mending

BARE = "bare"
"""The name of the network's own output in the graph."""


class MendedOutput(nn.Module):  # type: ignore[misc]
    """The module that is exported: pixels and the network's saliency in, corrected saliency out."""

    def __init__(self, look: Mending) -> None:
        super().__init__()
        self.look = look

    def forward(self, image: torch.Tensor, saliency: torch.Tensor) -> torch.Tensor:
        """Map uint8 RGB (N, S, S, 3) and saliency (N, 1, S, S) to saliency (N, 1, S, S)."""
        rgb = image.permute(0, 3, 1, 2).float() * (1 / 255)
        mended: torch.Tensor = self.look(functional.avg_pool2d(rgb, int(rgb.shape[2]) // SIZE), saliency)
        return mended


def graft(base: Path, look: Mending, target: Path) -> None:
    """Write the network in `base` with the second look behind it to `target`. Raises ModelError if the network does not
    fit."""
    network = parse(read_file(base))
    size = _size(base, network)
    with TemporaryDirectory() as folder:
        part = Path(folder) / "second.onnx"
        _export(look, part, size)
        second = padded_convolutions(folded(part))
    second = compose.add_prefix(second, SECOND_LOOK)
    _renamed(network, {"saliency": BARE})
    _renamed(
        second, {f"{SECOND_LOOK}image": "image", f"{SECOND_LOOK}saliency": BARE, f"{SECOND_LOOK}mended": "saliency"}
    )
    network.graph.node.extend(second.graph.node)
    network.graph.initializer.extend(second.graph.initializer)
    del network.graph.value_info[:]
    onnx.checker.check_model(network, full_check=True)
    onnx.save(network, target)


def _size(base: Path, network: Any) -> int:
    """The side of the network's input (px). Raises ModelError if the network cannot have a second look, or already has
    one."""
    (image,), names = network.graph.input, [item.name for item in network.graph.output]
    size = image.type.tensor_type.shape.dim[1].dim_value
    if image.name != "image" or names != ["saliency"] or size == 0 or size % SIZE:
        raise ModelError(f"{base} cannot have a second look: the side of its input must be a multiple of {SIZE} px")
    if is_mended(network):
        raise ModelError(f"{base} already has a second look: start from the network without it")
    return int(size)


def _export(look: Mending, target: Path, size: int) -> None:
    names = ("image", "saliency", "mended")
    with warnings.catch_warnings():
        # Sizes are constants in the graph, as in the network's own graph.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            MendedOutput(look).eval(),
            (torch.zeros(1, size, size, 3, dtype=torch.uint8), torch.rand(1, 1, size, size)),
            str(target),
            input_names=list(names[:2]),
            output_names=[names[2]],
            dynamic_axes={name: {0: "n"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )


def _renamed(model: Any, names: dict[str, str]) -> None:
    """Rename values in the nodes; the graph's inputs and outputs keep their names."""
    for node in model.graph.node:
        for values in (node.input, node.output):
            for index, name in enumerate(values):
                values[index] = names.get(name, name)
