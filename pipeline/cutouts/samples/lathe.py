"""Draws objects turned on a lathe (bottles, mugs, vases), seen from slightly above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.samples.canvas import Point, Surface, Window, ellipse, grid, polygon

TILT = 0.13
"""The view from above: a horizontal circle of radius r becomes an ellipse with the semi-axes r and TILT·r."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A solid of revolution about x = `axis`: (y, radius) in px from top to bottom; `soften` rounds its corners."""

    axis: float
    profile: Sequence[Point]
    soften: float = 3.0

    @property
    def top(self) -> float:
        """y of the upper rim's centre in px."""
        return self.profile[0][0]

    @property
    def bottom(self) -> float:
        """y of the foot's centre in px."""
        return self.profile[-1][0]

    def radius(self, y: Floats) -> Floats:
        """The radius in px at heights `y`, zero beyond the ends."""
        rows = np.arange(self.top - 1, self.bottom + 2, dtype=np.float32)
        heights, radii = zip(*self.profile, strict=True)
        values = np.interp(rows, heights, radii).astype(np.float32)[:, None]
        values = cv2.GaussianBlur(values, (0, 0), self.soften, borderType=cv2.BORDER_REPLICATE)[:, 0]
        return np.asarray(np.interp(y, rows, values), np.float32)

    def outlines(self) -> tuple[Floats, Floats, Floats]:
        """The silhouette as the union of its sides, its upper rim and its foot."""
        rows = np.arange(self.top, self.bottom + 0.5, 0.5, dtype=np.float32)
        radii = self.radius(rows)
        left = np.stack([self.axis - radii, rows], 1)
        right = np.stack([self.axis + radii, rows], 1)[::-1]
        rim = ellipse((self.axis, self.top), (float(radii[0]), TILT * float(radii[0])))
        foot = ellipse((self.axis, self.bottom), (float(radii[-1]), TILT * float(radii[-1])))
        return np.concatenate([left, right]), rim, foot


def turn(solid: Turned) -> Surface:
    """The outside of `solid`; u runs around the front (-1 left to 1 right), v from top (0) to bottom (1)."""
    outlines = solid.outlines()
    window = Window.around(*outlines)
    x, y = grid(window)
    dx = x - solid.axis
    height = np.broadcast_to(y, (window.height, window.width))
    for _ in range(2):  # the front of a tilted circle is lower than its centre
        height = y - TILT * np.sqrt(np.clip(np.square(solid.radius(height)) - np.square(dx), 0, None))
    side = np.clip(dx / np.maximum(solid.radius(height), 1e-3), -1, 1)
    slope = (solid.radius(height + 2) - solid.radius(height - 2)) / 4
    facing = np.sqrt(1 - side * side)
    normal = np.stack([side, -slope - TILT * facing, facing], -1)
    return Surface(
        window=window,
        coverage=polygon(window, *outlines),
        normal=_unit(normal),
        u=(np.arcsin(side) * np.float32(2 / np.pi)).astype(np.float32),
        v=((height - solid.top) / (solid.bottom - solid.top)).astype(np.float32),
    )


def _unit(vectors: Floats) -> Floats:
    length = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    return np.asarray(vectors / length, np.float32)


def opening(centre: Point, radius: float, depth: float) -> Surface:
    """The inside seen through a round opening: its far wall, `depth` px deep; v from the rim (0) downwards."""
    outline = ellipse(centre, (radius, TILT * radius))
    window = Window.around(outline)
    x, y = grid(window)
    side = np.broadcast_to(np.clip((x - centre[0]) / radius, -1, 1), (window.height, window.width))
    facing = np.sqrt(1 - side * side)
    far_rim = centre[1] - TILT * radius * facing
    return Surface(
        window=window,
        coverage=polygon(window, outline),
        normal=_unit(np.stack([-side, np.full_like(side, -0.25), np.clip(facing, 0.2, 1)], -1)),
        u=side.astype(np.float32),
        v=np.clip((y - far_rim) / depth, 0, 1).astype(np.float32),
    )


def wrap(surface: Surface, picture: Bytes, *, u: Point, v: Point) -> tuple[Floats, Floats]:
    """Map `picture` (uint8 RGB) onto a surface between u and v limits. Returns sRGB H×W×3 in 0..1 and its coverage, H×W
    0..1."""
    height, width = picture.shape[:2]
    columns = (surface.u - u[0]) / (u[1] - u[0]) * width
    rows = (surface.v - v[0]) / (v[1] - v[0]) * height
    sampled = cv2.remap(
        picture, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    inside = np.minimum(np.minimum(columns, width - columns), np.minimum(rows, height - rows))
    return sampled.astype(np.float32) / 255, np.clip(inside * 0.5 + 0.5, 0, 1).astype(np.float32)
