"""Estimates the ground behind a product from image and saliency: a smooth field of colour, and how far it can be
trusted.

A cubic surface per channel is fitted where the saliency shows no product. The fit is robust, because missing parts of
the product and shadows are among these pixels: residuals are weighted by Geman and McClure's function, whose scale
decreases with each iteration (graduated non-convexity, Blake and Zisserman 1987). It uses only operations that ONNX
has, so that it can be part of the exported graph. `cutouts.core.matting.background` has the same method in NumPy.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

GRID = 64
"""The size of the image for the fit (px)."""
SCALES = (0.25, 0.12, 0.06, 0.03, 0.03)
"""The scale of residuals (colours in 0..1) in each iteration; larger residuals have little weight."""
RIDGE = 1e-3
FRAME_WEIGHT = 3.0
"""Additional weight at the frame, where there is ground more often than in the middle."""
TERMS = 10


class Ground(NamedTuple):
    """`colour`: the estimated ground (N, 3, S, S) in 0..1; `noise` and `trust`: (N, 1, 1, 1), both 0..1.

    `noise` is how much the ground itself varies; `trust` is 0 if no smooth field explains the pixels outside the
    product.
    """

    colour: torch.Tensor
    noise: torch.Tensor
    trust: torch.Tensor


class Estimate(nn.Module):  # type: ignore[misc]
    """Estimates the ground of images of any size that is a multiple of `GRID`."""

    def __init__(self) -> None:
        super().__init__()
        at = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
        y, x = torch.meshgrid(at, at, indexing="ij")
        x, y = x.reshape(-1), y.reshape(-1)
        one = torch.ones_like(x)
        # Legendre polynomials are almost orthogonal on a regular grid, so single precision is enough.
        x2, y2 = (3 * x * x - 1) / 2, (3 * y * y - 1) / 2
        x3, y3 = (5 * x**3 - 3 * x) / 2, (5 * y**3 - 3 * y) / 2
        basis = torch.stack([one, x, y, x2, x * y, y2, x3, x2 * y, x * y2, y3])
        self.register_buffer("basis", basis)
        self.register_buffer("frame", 1 + FRAME_WEIGHT * torch.maximum(x.abs(), y.abs()) ** 4)

    def forward(self, image: torch.Tensor, saliency: torch.Tensor) -> Ground:
        """Map RGB (N, 3, S, S) in 0..1 and saliency (N, 1, S, S) to the ground."""
        seen = _at_grid(image).flatten(2)
        outside = (1 - _at_grid(saliency).flatten(2)).clamp(0, 1) ** 2
        prior = outside * self.frame + 1e-4
        weight, field = prior, seen
        for scale in SCALES:
            field = self._fit(seen, weight)
            off = (seen - field).square().sum(1, keepdim=True)
            weight = prior * (scale * scale / (scale * scale + off)) ** 2
        noise = (((weight * off).sum(2, keepdim=True) / weight.sum(2, keepdim=True)) / 3).sqrt()
        near = torch.sigmoid((3 * noise + 0.02 - (off / 3).sqrt()) * 200)
        explained = (near * outside).sum(2, keepdim=True) / outside.sum(2, keepdim=True).clamp(min=1.0)
        share = near.mean(2, keepdim=True)
        trust = _ramp(explained, 0.6, 0.85) * _ramp(share, 0.1, 0.25) * _ramp(0.06 - noise, 0.0, 0.03)
        colour = field.reshape(-1, 3, GRID, GRID)
        raised = functional.interpolate(colour, size=image.shape[2:], mode="bilinear", align_corners=False)
        return Ground(raised, noise.unsqueeze(3), trust.unsqueeze(3))

    def _fit(self, seen: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The weighted least squares surface through `seen` (N, 3, G²), evaluated on the grid."""
        weighted = self.basis * weight  # (N, 10, G²)
        total = weight.sum(2, keepdim=True)
        left = weighted @ self.basis.T / total + RIDGE * torch.eye(TERMS, device=seen.device)
        right = weighted @ seen.transpose(1, 2) / total
        return _solved(left, right).transpose(1, 2) @ self.basis


def _at_grid(plane: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(plane, int(plane.shape[2]) // GRID)


def _ramp(value: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return ((value - low) / (high - low)).clamp(0, 1)


def _solved(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """x of left · x = right for positive definite (N, 10, 10) and (N, 10, 3), by Gauss-Jordan elimination."""
    rows = torch.cat([left, right], dim=2)
    for step in range(TERMS):
        pivot = rows[:, step : step + 1] / rows[:, step : step + 1, step : step + 1]
        column = rows[:, :, step : step + 1]
        keep = torch.zeros(TERMS, 1, device=rows.device)
        keep[step] = 1
        rows = (rows - column * pivot) * (1 - keep) + pivot * keep
    return rows[:, :, TERMS:]
