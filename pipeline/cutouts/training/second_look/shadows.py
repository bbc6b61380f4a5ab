"""Draws long shadows of a product, and beams of light, on the ground around it, which are easily mistaken for a
product."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats

SHADOW_SHARE, BEAM_SHARE = 0.6, 0.25
TAKEN_SHARE = 0.35
"""Share of shadows that the saliency includes as product."""
SHARP_SHARE = 0.4
"""Share of shadows that are sharp at the foot and soft far from it."""


def lit(rng: np.random.Generator, rgb: Bytes, alpha: Bytes, saliency: Floats) -> tuple[Bytes, Floats]:
    """The image (H, W, 3) with shadows and beams on its ground, and its saliency (H, W) with some of the shadows."""
    out: Floats = rgb.astype(np.float32)
    rest = 1 - alpha.astype(np.float32) / np.float32(255)
    for _ in range(int(rng.integers(1, 3)) if rng.random() < SHADOW_SHARE else 0):
        shade = thrown(rng, alpha) * rest
        tint = np.clip(1 + rng.normal(0, 0.03, 3), 0.8, 1.2)
        out = np.asarray(out * (1 - shade[..., None] * (rng.uniform(0.06, 0.75) * tint)), np.float32)
        if rng.random() < TAKEN_SHARE:
            saliency = np.maximum(saliency, shade * np.float32(rng.uniform(0.2, 1)))
    if rng.random() < BEAM_SHARE:
        out = np.asarray(out * (1 - rest * (1 - _beam(rng, alpha.shape)))[..., None], np.float32)
    return np.asarray(np.clip(np.rint(out), 0, 255), np.uint8), saliency


def thrown(rng: np.random.Generator, alpha: Bytes) -> Floats:
    """The darkness of a shadow, float32 (H, W) in 0..1: the silhouette sheared, squashed or mirrored about its foot,
    and blurred."""
    height, width = alpha.shape
    rows, columns = np.flatnonzero((alpha > 100).any(1)), np.flatnonzero((alpha > 100).any(0))
    if not len(rows):
        return np.zeros(alpha.shape, np.float32)
    foot, middle = float(rows[-1]), float(columns.mean())
    wide, tall, shear = rng.uniform(0.8, 1.4), rng.uniform(0.15, 1.2) * rng.choice([1, 1, 1, -1]), rng.normal(0, 0.9)
    aside, down = rng.normal(0, 0.05) * width, rng.normal(0, 0.03) * height
    rows_of = [[wide, shear, middle * (1 - wide) - shear * foot + aside], [0, tall, foot * (1 - tall) + down]]
    shade = cv2.warpAffine(alpha.astype(np.float32) / 255, np.array(rows_of, np.float32), (width, height))
    blur = height / 256 * float(np.exp(rng.uniform(np.log(0.6), np.log(14))))
    if rng.random() >= SHARP_SHARE:
        return np.asarray(cv2.GaussianBlur(shade, (0, 0), blur), np.float32)
    far = np.clip(np.abs(np.arange(height) - foot) / (rng.uniform(0.25, 0.8) * height), 0, 1)[:, None]
    near = cv2.GaussianBlur(shade, (0, 0), 0.8)
    return np.asarray(near + far * (cv2.GaussianBlur(shade, (0, 0), 2 * blur) - near), np.float32)


def _beam(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Factors of light, float32 (H, W) in 0.4..1.3: an ellipse of light, or light that ends at a line, with a soft
    edge."""
    height, width = shape
    rows, columns = (grid / np.float32(height) for grid in np.indices(shape, np.float32))
    angle, x, y = rng.uniform(0, np.pi), rng.uniform(0, width / height), rng.uniform(0, 1)
    u = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    v = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    if rng.random() < 0.4:
        off = u / rng.uniform(0.03, 0.16)
    else:
        off = (np.hypot(u / rng.uniform(0.12, 0.6), v / rng.uniform(0.12, 0.6)) - 1) * rng.uniform(2, 12)
    inside = 1 / (1 + np.exp(np.clip(off, -30, 30)))
    factors = rng.uniform(0.55, 1.0) + rng.uniform(0.1, 0.45) * inside
    return np.asarray(np.clip(factors, 0.4, 1.3), np.float32)
