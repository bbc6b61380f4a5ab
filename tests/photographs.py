"""Tiny photographs for tests: one with a product, one without, and a broken file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cutouts.core.pixels import Bytes


def product(path: Path, *, seed: int = 0, size: int = 160) -> Path:
    """A shaded ball on a plain background, with a different colour for each seed."""
    rng = np.random.default_rng(seed)
    image = np.full((size, size, 3), rng.integers(200, 250), np.uint8)
    colour = np.array([rng.integers(0, 90), rng.integers(0, 120), rng.integers(120, 220)], np.float64)
    for radius in range(size // 3, 0, -1):
        shade = colour * (1.25 - radius / size)
        cv2.circle(image, (size // 2, size // 2), radius, np.clip(shade, 0, 255).tolist(), -1, cv2.LINE_AA)
    return _write(path, image)


def blank(path: Path, *, seed: int = 0, size: int = 160) -> Path:
    """A plain background without a product."""
    return _write(path, np.full((size, size, 3), 190 + seed % 50, np.uint8))


def broken(path: Path, *, seed: int = 0) -> Path:
    """A JPEG without its second half."""
    data = product(path, seed=seed).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def _write(path: Path, image: Bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path
