"""The embedded default network: an EfficientNet-Lite0 encoder under a light top-down decoder.

The decoder goes from stride 32 to stride 2 like a feature pyramid (Lin et al. 2017, arXiv 1612.03144): a 1×1 lateral
per level, nearest ×2, addition, and some mixing. Every level predicts a logit plane, so that every level is supervised
(Xie and Tu 2015, arXiv 1504.06375); only the finest is served. Besides the planes, the network predicts one number,
presence: whether there is a product at all. The served probability is the product of both. Presence has separate
convolutions, so that it can be trained again while every mask stays unchanged. The exact position of edges is left to
`core/refine.py`, which gave better results than convolutions at full resolution.

PyTorch has no types that mypy can follow here, so the classes have ignores.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cutouts.training.network.encoder import TAP_CHANNELS, Encoder

LEVEL_CHANNELS = (16, 32, 64, 96, 96)
HIDDEN = 64
MEAN = 0.498 * 255.0
SCALE = 0.502 * 255.0


def _unit(inner: int, outer: int, kernel: int, *, act: bool = True, **how: int) -> nn.Sequential:
    """Convolution (`how`: stride, dilation, groups) and batch norm (folded at export), with ReLU6 unless not `act`."""
    padding = kernel // 2 * how.get("dilation", 1)
    layers = [nn.Conv2d(inner, outer, kernel, padding=padding, bias=False, **how), nn.BatchNorm2d(outer)]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if act else nn.Sequential(*layers)


def _mixer(channels: int, stride: int) -> nn.Sequential:
    """The mixing of one level: dense 3×3 (twice from stride 16 on, once up to stride 4), and separable 5×5 in between.

    At strides 2 and 4, one dense 3×3 trains in half the time of two separable ones, because depthwise convolutions and
    batch norm are limited by memory there.
    """
    if stride >= 16:
        return nn.Sequential(_unit(channels, channels, 3), _unit(channels, channels, 3))
    if stride <= 4:
        return nn.Sequential(_unit(channels, channels, 3))
    return nn.Sequential(
        _unit(channels, channels, 5, groups=channels, act=False),
        _unit(channels, channels, 1),
        _unit(channels, channels, 5, groups=channels, act=False),
        _unit(channels, channels, 1),
    )


class Presence(nn.Module):  # type: ignore[misc]
    """Predicts whether there is a product at all, from the encoder's planes and the coarsest level of the decoder.

    No single window of a stride-32 plane shows the shape of a large flat object, so three 3×3 convolutions widen the
    view. They are dilated as in DeepLab (Chen et al. 2018, arXiv 1606.00915): the last one sees 15×15 places of that
    plane.
    """

    def __init__(self) -> None:
        super().__init__()
        width = LEVEL_CHANNELS[-1]
        self.nearer = _unit(TAP_CHANNELS[-2], width, 3, stride=2, act=False)
        self.deepest = _unit(TAP_CHANNELS[-1], width, 1, act=False)
        self.views = nn.ModuleList(_unit(width, width, 3, dilation=dilation) for dilation in (1, 2, 4))
        self.say = nn.Sequential(nn.Conv2d(2 * width, HIDDEN, 1), nn.ReLU6(), nn.Conv2d(HIDDEN, 1, 1))

    def forward(self, nearer: torch.Tensor, deepest: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
        """Map the encoder's planes at strides 16 and 32 and the decoder's at 32 to a logit (N, 1, 1, 1)."""
        x = functional.relu6(self.nearer(nearer) + self.deepest(deepest) + top)
        for view in self.views:
            x = x + view(x)
        said: torch.Tensor = self.say(torch.cat([x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)], dim=1))
        return said


class Logits(NamedTuple):
    """The network's output: five `planes`, the first (N, 1, S/2, S/2), and `presence` of a product, (N, 1, 1, 1)."""

    planes: list[torch.Tensor]
    presence: torch.Tensor

    def float(self) -> Logits:
        """The same in single precision."""
        return Logits([plane.float() for plane in self.planes], self.presence.float())

    def probability(self, size: tuple[int, int] | None = None) -> torch.Tensor:
        """The probability of "product", float32 (N, 1, *`size`), or at the input's size: that of the finest plane times
        that of presence."""
        scale = 2.0 if size is None else None
        raised = functional.interpolate(self.planes[0], size, scale, mode="bilinear", align_corners=False)
        return torch.sigmoid(raised) * torch.sigmoid(self.presence)


class Decoder(nn.Module):  # type: ignore[misc]
    """Maps five feature planes to five logit planes, finest first, and the logit of presence."""

    def __init__(self) -> None:
        super().__init__()
        taps = zip(TAP_CHANNELS, LEVEL_CHANNELS, strict=True)
        self.laterals = nn.ModuleList(_unit(tap, channels, 1, act=False) for tap, channels in taps)
        self.mixers = nn.ModuleList(_mixer(c, 2 << level) for level, c in enumerate(LEVEL_CHANNELS))
        descents = zip(LEVEL_CHANNELS[1:], LEVEL_CHANNELS[:-1], strict=True)
        self.steps = nn.ModuleList(
            _unit(here, finer, 1, act=False) if here != finer else nn.Identity() for here, finer in descents
        )
        self.whole = nn.Conv2d(TAP_CHANNELS[-1], LEVEL_CHANNELS[-1], 1)
        self.presence = Presence()
        self.heads = nn.ModuleList(nn.Conv2d(c, 1, 3, padding=1) for c in LEVEL_CHANNELS)

    def forward(self, planes: list[torch.Tensor]) -> Logits:
        """Map planes at strides 2 to 32 to logits."""
        views = self.views(planes)
        presence, x = self.presence(*views), views[-1]
        logits = [self.heads[-1](x)]
        for level in range(len(planes) - 2, -1, -1):
            raised = functional.interpolate(self.steps[level](x), scale_factor=2.0, mode="nearest")
            x = self.mixers[level](functional.relu6(self.laterals[level](planes[level]) + raised))
            logits.append(self.heads[level](x))
        return Logits(logits[::-1], presence)

    def views(self, planes: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The planes that presence is computed from: the encoder's at strides 16 and 32, and the coarsest level, (N,
        96, …)."""
        nearer, deepest = planes[-2:]
        top = self.mixers[-1](self.laterals[-1](deepest) + self.whole(deepest.mean((2, 3), keepdim=True)))
        return nearer, deepest, top


class SaliencyNetwork(nn.Module):  # type: ignore[misc]
    """Encoder and decoder: normalised RGB in, logits out."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, x: torch.Tensor) -> Logits:
        """Map (N, 3, S, S), S a multiple of 32, to logits at strides 2 (index 0) to 32 (index 4) and of presence."""
        logits: Logits = self.decoder(self.encoder(x))
        return logits

    def views(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Map (N, 3, S, S), S a multiple of 32, to the inputs of `Presence`."""
        views: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = self.decoder.views(self.encoder(x))
        return views


def normalised(image: torch.Tensor) -> torch.Tensor:
    """Map uint8 RGB (N, H, W, 3) to float32 (N, 3, H, W), (x/255 − 0.498) / 0.502, as the encoder was trained."""
    return (image.permute(0, 3, 1, 2).float() - MEAN) * (1.0 / SCALE)


def from_imagenet(weights: Path) -> SaliencyNetwork:
    """A network whose encoder has the ImageNet weights in `weights` (npz, fp16) and whose decoder is untrained.

    Raises `RuntimeError` if the file's keys are not exactly the encoder's.
    """
    network = SaliencyNetwork()
    with np.load(weights) as arrays:
        state: dict[str, Any] = {key: torch.from_numpy(arrays[key].astype(np.float32)) for key in arrays.files}
    network.encoder.load_state_dict(state)
    return network
