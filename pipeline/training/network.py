"""The embedded default network: an EfficientNet-Lite0 encoder under a light top-down decoder.

The encoder is EfficientNet-Lite0 (Tan and Le 2019, arXiv 1905.11946, the "Lite" variant: ReLU6, no squeeze-excite) with
ImageNet weights whose batch norm is folded into the convolutions. The decoder walks from stride 32 up to stride 2 as
feature pyramids do (Lin et al. 2017, arXiv 1612.03144): a 1×1 lateral per level, nearest ×2, addition, and a little
mixing. Every level predicts a logit plane, so that every level is supervised (Xie and Tu 2015, arXiv 1504.06375); only
the finest is served.

PyTorch ships no types that mypy could follow here, hence the ignores on the classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# (expansion, channels out, repeats, stride, kernel) of each stage of EfficientNet-Lite0.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
TAPS = (0, 2, 4, 10, 15)
TAP_CHANNELS = (16, 24, 40, 112, 320)
LEVEL_CHANNELS = (16, 32, 64, 96, 96)
MEAN = 0.498 * 255.0
SCALE = 0.502 * 255.0


class Conv(nn.Module):  # type: ignore[misc]
    """A convolution with bias, TensorFlow's "SAME" padding and ReLU6 (or no activation)."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.act = act
        # With even inputs "SAME" at stride 2 pads one more below and to the right than above and to the left.
        self.before = (kernel - 2) // 2 if stride == 2 else 0
        self.after = kernel - 2 - self.before if stride == 2 else 0
        self.conv = nn.Conv2d(inner, outer, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inner, H, W) to (N, outer, H / stride, W / stride)."""
        if self.after:
            x = functional.pad(x, (self.before, self.after, self.before, self.after))
        x = self.conv(x)
        return functional.relu6(x) if self.act else x


class Inverted(nn.Module):  # type: ignore[misc]
    """The inverted residual of MobileNetV2 (Sandler et al. 2018): expand, depthwise, project."""

    def __init__(self, inner: int, outer: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        hidden = inner * expansion
        layers: list[nn.Module] = [Conv(inner, hidden, 1)] if expansion != 1 else []
        layers.append(Conv(hidden, hidden, kernel, stride, groups=hidden))
        layers.append(Conv(hidden, outer, 1, act=False))
        self.b = nn.Sequential(*layers)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inner, H, W) to (N, outer, H / stride, W / stride)."""
        y: torch.Tensor = self.b(x)
        return x + y if self.residual else y


class Encoder(nn.Module):  # type: ignore[misc]
    """EfficientNet-Lite0 without its head: five planes of features at strides 2 to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, 32, 3, 2)
        blocks: list[nn.Module] = []
        inner = 32
        for expansion, outer, repeats, stride, kernel in STAGES:
            for index in range(repeats):
                blocks.append(Inverted(inner, outer, expansion, stride if index == 0 else 1, kernel))
                inner = outer
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Map (N, 3, S, S), normalised, to planes of 16, 24, 40, 112 and 320 channels at strides 2, 4, 8, 16 and 32."""
        planes = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                planes.append(x)
        return planes


def _unit(inner: int, outer: int, kernel: int, groups: int = 1, act: bool = True) -> nn.Sequential:
    """Convolution and batch norm (folded at export), with ReLU6 unless `act` is false."""
    layers: list[nn.Module] = [
        nn.Conv2d(inner, outer, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
    ]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if act else nn.Sequential(*layers)


def _mixer(channels: int, stride: int) -> nn.Sequential:
    """Mixing of one level: dense 3×3, twice where planes are small, separable 5×5 in between.

    At strides 2 and 4 one dense 3×3 trains in half of the time of two separable ones: depthwise convolutions and batch
    norm only move memory there.
    """
    if stride >= 16:
        return nn.Sequential(_unit(channels, channels, 3), _unit(channels, channels, 3))
    if stride <= 4:
        return nn.Sequential(_unit(channels, channels, 3))
    return nn.Sequential(
        _unit(channels, channels, 5, channels, act=False),
        _unit(channels, channels, 1),
        _unit(channels, channels, 5, channels, act=False),
        _unit(channels, channels, 1),
    )


class Decoder(nn.Module):  # type: ignore[misc]
    """From five feature planes to five logit planes, finest first."""

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
        self.heads = nn.ModuleList(nn.Conv2d(c, 1, 3, padding=1) for c in LEVEL_CHANNELS)

    def forward(self, planes: list[torch.Tensor]) -> list[torch.Tensor]:
        """Map planes at strides 2 to 32 to logits (N, 1, S/2, S/2) … (N, 1, S/32, S/32)."""
        deepest = planes[-1]
        x = self.laterals[-1](deepest) + self.whole(deepest.mean((2, 3), keepdim=True))
        x = self.mixers[-1](x)
        logits = [self.heads[-1](x)]
        for level in range(len(planes) - 2, -1, -1):
            raised = functional.interpolate(self.steps[level](x), scale_factor=2.0, mode="nearest")
            x = self.mixers[level](functional.relu6(self.laterals[level](planes[level]) + raised))
            logits.append(self.heads[level](x))
        return logits[::-1]


class Network(nn.Module):  # type: ignore[misc]
    """Encoder and decoder: normalised RGB in, five logit planes out."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Map (N, 3, S, S), S a multiple of 32, to logits at strides 2 (index 0) to 32 (index 4)."""
        logits: list[torch.Tensor] = self.decoder(self.encoder(x))
        return logits


def normalised(image: torch.Tensor) -> torch.Tensor:
    """Map uint8 RGB (N, H, W, 3) to float32 (N, 3, H, W), (x/255 − 0.498) / 0.502, as the encoder was trained."""
    return (image.permute(0, 3, 1, 2).float() - MEAN) * (1.0 / SCALE)


def from_imagenet(weights: Path) -> Network:
    """A network whose encoder holds the ImageNet weights of `weights` (npz, fp16) and whose decoder is fresh.

    Raises `RuntimeError` when the file's keys are not exactly the encoder's.
    """
    network = Network()
    with np.load(weights) as arrays:
        state: dict[str, Any] = {key: torch.from_numpy(arrays[key].astype(np.float32)) for key in arrays.files}
    network.encoder.load_state_dict(state)
    return network
