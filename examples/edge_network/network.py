"""The edge network in PyTorch, which computes the same as `cutouts.core.matting.edge_network`, its loss, its export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cutouts.core.matting.edge_network import CHANNELS, DILATIONS, RINGS
from cutouts.core.matting.matte import SURE_INSIDE, SURE_OUTSIDE

WIDTH = 16
"""Channels of the hidden layers."""
BORDER = 12
"""Pixels at the border of a tile whose neighbours are outside of it; they do not count in the loss."""
LEAK = 0.05
"""Slope of the loss where the matte is below 0 or above 1."""
SLOPES = 0.25
"""Weight of the errors of the matte's slope, beside those of the matte."""


class Edges(nn.Module):  # type: ignore[misc]
    """The change of the matte at each site, from features (N, 9, H, W) and sites (N, 1, H, W), 0 or 1."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList(_around(CHANNELS, distance, bias=not at) for at, distance in enumerate(RINGS))
        self.body = nn.ModuleList(_around(WIDTH, distance) for distance in DILATIONS)
        self.head = nn.Conv2d(WIDTH, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, seen: torch.Tensor, sites: torch.Tensor) -> torch.Tensor:
        """The change, (N, 1, H, W)."""
        hidden = functional.relu(sum(layer(seen) for layer in self.first)) * sites
        for layer in self.body:
            hidden = functional.relu(layer(hidden)) * sites
        return self.head(hidden)


def loss(network: Edges, tiles: torch.Tensor) -> torch.Tensor:
    """The mean absolute error of matte and slopes at the sites of tiles (N, 11, 96, 96), before edge refinement."""
    seen, truth, sites = tiles[:, :CHANNELS], tiles[:, CHANNELS, None], tiles[:, CHANNELS + 1, None]
    with torch.autocast("cpu", torch.bfloat16):
        change = network(seen.contiguous(memory_format=torch.channels_last), sites)
    ruled, trust = seen[:, 3, None], seen[:, 8, None]
    matte = (ruled - SURE_OUTSIDE) / (SURE_INSIDE - SURE_OUTSIDE) + trust * change.float()
    cut = matte.clamp(0, 1)
    error = (cut + LEAK * (matte - cut) - truth)[..., BORDER:-BORDER, BORDER:-BORDER]
    sites = sites[..., BORDER:-BORDER, BORDER:-BORDER]
    slopes = (error.diff(dim=-1).abs() * sites[..., 1:]).sum() + (error.diff(dim=-2).abs() * sites[..., 1:, :]).sum()
    return ((error.abs() * sites).sum() + SLOPES * slopes) / sites.sum().clamp(min=1)


def export(network: Edges, file: Path) -> None:
    """Write the layers as `cutouts.core.matting.edge_network` reads them; the change is one of the saliency there."""
    layers = [(torch.cat([_kernel(layer) for layer in network.first]), network.first[0].bias)]
    layers += [(_kernel(layer), layer.bias) for layer in network.body]
    scale = SURE_INSIDE - SURE_OUTSIDE
    layers += [(scale * _kernel(network.head), scale * network.head.bias)]
    arrays: dict[str, Any] = {}
    for at, (kernel, bias) in enumerate(layers):
        arrays |= {f"kernel{at}": kernel.detach().numpy(), f"bias{at}": bias.detach().numpy()}
    np.savez(file, **arrays)


def _around(channels: int, distance: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels, WIDTH, 3, padding=distance, dilation=distance, bias=bias)


def _kernel(layer: nn.Conv2d) -> torch.Tensor:
    """(inputs of all neighbours, outputs), row by row."""
    return layer.weight.permute(2, 3, 1, 0).reshape(-1, layer.weight.shape[0])
