"""The encoder: EfficientNet-Lite0 without its head, batch norm folded into the convolutions.

Tan and Le 2019 (arXiv 1905.11946), the "Lite" variant: ReLU6 and no squeeze-excite, made for int8.

PyTorch has no types that mypy can follow here, so the classes have ignores.
"""

from __future__ import annotations

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


class Conv(nn.Module):  # type: ignore[misc]
    """A convolution with bias, TensorFlow's "SAME" padding and ReLU6 (or no activation)."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.act = act
        # With even inputs, "SAME" at stride 2 pads one more pixel at the bottom and right than at the top and left.
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
