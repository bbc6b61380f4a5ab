"""Changes a product: other light, a print on its cloth, or glass as its material."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Doubles, Floats


def relit(rng: np.random.Generator, rgba: Bytes) -> Bytes:
    """Gain and tint of the light (some black, some white), prints on cloth, glass; uint8 (H, W, 4), premultiplied."""
    kind = rng.random()
    out = _gained(rgba, np.append(_gain(rng, kind) * np.exp(rng.normal(0, 0.04, 3)), 1.0))
    if kind > 0.93:
        out = _bleached(out, rng.uniform(0.1, 0.4))
    if rng.random() < 0.10:
        out[..., :3] = out[..., :3] * _print(rng, rgba.shape[0], rgba.shape[1])
    if rng.random() < 0.03:
        out = _gained(out, np.full(4, rng.uniform(0.55, 0.9)))
    return np.minimum(out, out[..., 3:])


def _gain(rng: np.random.Generator, kind: float) -> float:
    """The gain of the light: normal for `kind` (0..1) below 0.7, else dim, so dark that only the shape is visible, or
    1."""
    if kind < 0.7:
        return float(rng.uniform(0.75, 1.2))
    if kind < 0.80:
        return float(rng.uniform(0.25, 0.7))
    return float(rng.uniform(0.02, 0.2)) if kind < 0.89 else 1.0


def _gained(rgba: Bytes, factors: Doubles) -> Bytes:
    """Each of the four channels multiplied by its factor, saturated, uint8 (H, W, 4)."""
    table = np.clip(np.arange(256)[:, None] * factors, 0, 255).round().astype(np.uint8)
    return np.asarray(cv2.LUT(rgba, table[:, None, :]), np.uint8)


def _bleached(rgba: Bytes, rest: float) -> Bytes:
    """The product in almost white: many real products are white, few training products are, and networks fail at white
    on white."""
    alpha = rgba[..., 3:].astype(np.float32)
    white = alpha - np.maximum(alpha - rgba[..., :3], 0) * np.float32(rest)
    return np.concatenate([np.rint(white).astype(np.uint8), rgba[..., 3:]], axis=2)


def _print(rng: np.random.Generator, height: int, width: int) -> Floats:
    """A pattern to multiply cloth with, float32 (H, W, 3) in 0.2..1: blots, or a block of another colour."""
    cells = int(rng.integers(3, 14))
    grains = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    blots = cv2.resize(grains, (width, height), interpolation=cv2.INTER_CUBIC)
    strength = (1.0 / (1.0 + np.exp(-6.0 * blots)))[..., None] * rng.uniform(0.2, 0.8, 3)
    return np.asarray(1.0 - strength, np.float32)
