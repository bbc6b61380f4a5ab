"""Drawing primitives: windows of the picture, layers with exact coverage, polygons, tubes and noise.

Points are (x, y) in px of the whole picture; planes are float32 H×W of their window; coverage is 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.pixels import Floats

Size = tuple[int, int]
Point = tuple[float, float]

OVERSAMPLING = 4
"""Polygons are filled at this scale on each axis and then averaged, which gives coverage in steps of 1/16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of the picture that an object covers, in px; nothing is computed outside it."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        """Width and height in px."""
        return self.width, self.height

    @property
    def rows(self) -> slice:
        """The window's rows in the whole picture."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The window's columns in the whole picture."""
        return slice(self.left, self.left + self.width)

    @classmethod
    def around(cls, *outlines: Floats, margin: float = 2) -> Window:
        """The smallest window that contains all points with a margin of `margin` px; it must be inside the picture."""
        points = np.concatenate(outlines)
        left, top = np.floor(points.min(0) - margin).astype(int)
        right, bottom = np.ceil(points.max(0) + margin).astype(int)
        return cls(left=int(left), top=int(top), width=int(right - left), height=int(bottom - top))

    @classmethod
    def whole(cls, size: Size) -> Window:
        """The whole picture."""
        return cls(left=0, top=0, width=size[0], height=size[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A drawn object: `rgb` H×W×3 sRGB 0..1, defined where `alpha` (H×W, straight) is above 0."""

    window: Window
    rgb: Floats
    alpha: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The visible side of a solid: its coverage, its unit normals (H×W×3, z to the camera), texture coordinates."""

    window: Window
    coverage: Floats
    normal: Floats
    u: Floats
    v: Floats


def stack(size: Size, layers: Sequence[Layer]) -> Layer:
    """Combine all layers, the first at the bottom, into one layer of the whole picture."""
    rgb = np.zeros((size[1], size[0], 3), np.float32)
    alpha = np.zeros((size[1], size[0]), np.float32)
    for layer in layers:
        place = layer.window.rows, layer.window.columns
        total = layer.alpha + alpha[place] * (1 - layer.alpha)
        weight = (layer.alpha / np.maximum(total, 1e-6))[..., None]
        rgb[place] += (layer.rgb - rgb[place]) * weight
        alpha[place] = total
    return Layer(window=Window.whole(size), rgb=rgb, alpha=alpha)


def grid(window: Window) -> tuple[Floats, Floats]:
    """x (1×W) and y (H×1) of the pixels' centres in px of the whole picture."""
    x = np.arange(window.left, window.left + window.width, dtype=np.float32) + np.float32(0.5)
    y = np.arange(window.top, window.top + window.height, dtype=np.float32) + np.float32(0.5)
    return x[None, :], y[:, None]


def polygon(window: Window, *outlines: Floats) -> Floats:
    """Coverage of the union of closed outlines; about 0.1 px too wide, because OpenCV fills every pixel on the
    outline."""
    mask = np.zeros((window.height * OVERSAMPLING, window.width * OVERSAMPLING), np.uint8)
    corner = np.asarray((window.left, window.top), np.float32)
    for outline in outlines:
        # 4 fractional bits; in cv2, integer coordinates are pixel centres, here they are corners.
        corners = np.round(((outline - corner) * OVERSAMPLING - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, shift=4)
    small = cv2.resize(mask, window.size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def ellipse(centre: Point, axes: Point) -> Floats:
    """The outline of an upright ellipse, clockwise from the right."""
    angle = np.radians(np.linspace(0, 360, 240))
    return np.stack([centre[0] + axes[0] * np.cos(angle), centre[1] + axes[1] * np.sin(angle)], 1).astype(np.float32)


def spline(knots: Sequence[Point]) -> Floats:
    """A Catmull-Rom curve through `knots`, about one point per px."""
    points = np.asarray([knots[0], *knots, knots[-1]], np.float32)
    pieces = []
    for before, start, end, after in zip(points, points[1:], points[2:], points[3:], strict=False):
        count = max(2, int(np.hypot(*(end - start))))
        t = np.linspace(0, 1, count, endpoint=False, dtype=np.float32)[:, None]
        bend = 2 * before - 5 * start + 4 * end - after
        pieces.append(
            start + (end - before) * t / 2 + bend * t**2 / 2 + (3 * start - before - 3 * end + after) * t**3 / 2
        )
    return np.concatenate([*pieces, points[-1:]])


def tube(curve: Floats, radius: float | Floats) -> Surface:
    """A round rod along `curve`; `radius` in px, one or one per point; u runs across (-1..1), v along (0..1)."""
    radii = np.broadcast_to(np.asarray(radius, np.float32), (len(curve),))
    window = Window.around(curve, margin=float(radii.max()) + 2)
    x, y = grid(window)
    nearest = _nearest(window, curve)
    tangent = np.gradient(curve, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    along_x, along_y = tangent[nearest, 0], tangent[nearest, 1]
    dx, dy, reach = x - curve[nearest, 0], y - curve[nearest, 1], radii[nearest]
    u = np.clip((dy * along_x - dx * along_y) / reach, -1, 1)
    return Surface(
        window=window,
        coverage=np.clip(reach - np.hypot(dx, dy) + 0.5, 0, 1).astype(np.float32),
        normal=np.stack([-along_y * u, along_x * u, np.sqrt(1 - u * u)], -1).astype(np.float32),
        u=u.astype(np.float32),
        v=(nearest / max(1, len(curve) - 1)).astype(np.float32),
    )


def _nearest(window: Window, curve: Floats) -> NDArray[np.intp]:
    """The index of the curve's point nearest to each pixel."""
    columns = np.clip(curve[:, 0].astype(np.intp) - window.left, 0, window.width - 1)
    rows = np.clip(curve[:, 1].astype(np.intp) - window.top, 0, window.height - 1)
    off_curve = np.ones((window.height, window.width), np.uint8)
    off_curve[rows, columns] = 0
    _, labels = cv2.distanceTransformWithLabels(off_curve, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    index = np.zeros(int(labels.max()) + 1, np.intp)
    index[labels[rows, columns]] = np.arange(len(curve))
    return np.asarray(index[labels], np.intp)


def noise(rng: np.random.Generator, size: Size, grain: float, octaves: int = 4) -> Floats:
    """Smooth noise of mean 0 and deviation 1, float32 H×W; `grain` is the size of its largest blobs in px."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cell = max(1.0, grain / 2**octave)
        coarse = rng.standard_normal((int(height / cell) + 3, int(width / cell) + 3)).astype(np.float32)
        total += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6), np.float32)


def blur(plane: Floats, sigma: float) -> Floats:
    """`plane` (H×W or H×W×3) smoothed by a Gaussian with `sigma` px; wide Gaussians are applied to a smaller copy."""
    shrunk = max(1, int(sigma / 4))
    if shrunk == 1:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    size = plane.shape[1], plane.shape[0]
    small = cv2.resize(plane, (size[0] // shrunk, size[1] // shrunk), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrunk, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)
