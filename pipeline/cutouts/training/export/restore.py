"""Restores a network for training from its exported ONNX file, or from the mean of several, to train it on one's own
photographs or for longer.

In an export, batch norm is folded into the convolutions, and parts that are not served are missing. So the folded
weights are copied, batch norm is measured again on training images so that it changes nothing, and the heads of the
coarser levels start untrained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from onnx import numpy_helper
from torch import nn

from cutouts.adapters.model.self_contained import parse
from cutouts.core.errors import ModelError
from cutouts.models import read_file
from cutouts.training.batches import sampler
from cutouts.training.batches.schedule import Phase
from cutouts.training.data.cache import Datasets
from cutouts.training.export.graph import is_mended
from cutouts.training.network.saliency import SCALE, SaliencyNetwork, normalised

Weights = dict[str, torch.Tensor]

# The images that batch norm is measured on.
MEASURED = Phase(until=1.0, size=352, batch=32)
# An export has no coarse heads; earlier versions have no presence, or compute it with one convolution.
MAY_BE_MISSING = (*(f"decoder.heads.{level}" for level in range(1, 5)), "decoder.presence.")


def from_exports(files: Sequence[Path], datasets: Datasets) -> SaliencyNetwork:
    """The network of `files`, ready for training on `datasets`; for several files, the mean of their weights.

    The weights of networks that were trained from each other can be averaged, and their mean is better on new data
    (Wortsman et al. 2022, arXiv 2203.05482). Raises `ModelError` if a file is not an export of this network, or has a
    second look.
    """
    network = SaliencyNetwork()
    models = [parse(read_file(file)) for file in files]
    if mended := [str(file) for file, model in zip(files, models, strict=True) if is_mended(model)]:
        raise ModelError(f"{', '.join(mended)} has a second look: start from the network without it")
    found = [_weights(model) for model in models]
    for file, weights in zip(files, found, strict=True):
        problems = _take_over(network, weights)
        if problems:
            raise ModelError(f"{file} is not a network that `cutouts train` exported: {'; '.join(problems)}")
    _take_over(network, _mean(found))
    with torch.no_grad():
        network.encoder.stem.conv.weight.mul_(SCALE)
        _measure_norms(network.eval(), normalised(torch.from_numpy(sampler.batch(datasets, 0, 0, MEASURED)[..., :3])))
    return network


def _mean(found: Sequence[dict[str, Weights]]) -> dict[str, Weights]:
    """The weight and bias of each convolution, averaged over the networks that have it."""
    names = {name for weights in found for name in weights}
    return {
        name: {
            part: torch.stack([weights[name][part] for weights in found if name in weights]).mean(dim=0)
            for part in ("weight", "bias")
        }
        for name in names
    }


def _weights(model: Any) -> dict[str, Weights]:
    """The weight and bias of each convolution in the graph, by its name in the network."""
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    arrays |= {node.output[0]: arrays[node.input[0]] for node in model.graph.node if node.input[:1] and _is_half(node)}
    found = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and all(name in arrays for name in node.input[1:]):
            tensors = [torch.from_numpy(arrays[name].astype("float32")) for name in node.input[1:]]
            found[_module_name(node)] = dict(zip(("weight", "bias"), tensors, strict=True))
    return found


def _is_half(node: Any) -> bool:
    return bool(node.op_type == "Cast" and node.input[0].endswith(".half"))


def _module_name(node: Any) -> str:
    """`decoder.laterals.0.0` from /network/decoder/laterals.0/laterals.0.0/Conv_output_0, named by the exporter."""
    parts = node.output[0].strip("/").split("/")[1:-1]
    names: list[str] = []
    for part in parts:
        # A container's name is repeated at the beginning of its members' names.
        if names and part.startswith(f"{names[-1]}."):
            names.pop()
        names.append(part)
    return ".".join(names)


def _take_over(network: SaliencyNetwork, found: dict[str, Weights]) -> list[str]:
    """Fill the network's convolutions; a bias goes into the following batch norm if there is one. Returns the
    problems."""
    problems = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or (name not in found and name.startswith(MAY_BE_MISSING)):
            continue
        if name not in found or found[name]["weight"].shape != module.weight.shape:
            problems.append(f"{name} is missing or has another shape")
            continue
        module.weight.data.copy_(found[name]["weight"])
        holder = module if module.bias is not None else network.get_submodule(_behind(name))
        holder.bias.data.copy_(found[name]["bias"])
    return problems


def _behind(name: str) -> str:
    """The name of the batch norm that follows the convolution `name` in its unit."""
    unit, _, index = name.rpartition(".")
    return f"{unit}.{int(index) + 1}"


def _measure_norms(network: SaliencyNetwork, images: torch.Tensor) -> None:
    """Give each batch norm the statistics of its inputs, and the scale and shift that cancel them."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    seen: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        seen[norm] = (variance, mean)

    for norm in norms:
        norm.running_var.fill_(1.0 - norm.eps)
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    network(images)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        variance, mean = seen[norm]
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
