"""Pairs of matte and truth for metrics, as uint8 pictures for the reference and as float planes for ours."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats


def plane(picture: Bytes) -> Floats:
    """An 8-bit picture as a plane, 0..1."""
    return picture.astype(np.float32) / np.float32(255)


def noise(seed: int, height: int = 61, width: int = 47) -> tuple[Bytes, Bytes]:
    """A matte of noise and a truth of specks; the matte spans 0..255, so the reference's stretch has no effect."""
    rng = np.random.default_rng(seed)
    matte = rng.integers(0, 256, (height, width), np.uint8)
    matte[0, :2] = 0, 255
    return matte, np.where(rng.random((height, width)) < 0.3, 255, 0).astype(np.uint8)


def product(seed: int, height: int = 150, width: int = 190) -> tuple[Bytes, Bytes]:
    """A blob with a hole as the truth; the matte is the same moved and blurred, with something lost and invented."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((height, width), np.uint8)
    middle = int(rng.integers(50, width - 50)), int(rng.integers(50, height - 50))
    axes = int(rng.integers(20, 70)), int(rng.integers(20, 70))
    cv2.ellipse(truth, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    cv2.circle(truth, middle, 9, 0, -1)
    matte = np.asarray(cv2.GaussianBlur(np.roll(truth, (3, -2), (0, 1)), (0, 0), 2.5), np.uint8)
    cv2.rectangle(matte, (2, 4), (20, 11), 180, -1)
    matte[:, : width // 8] //= 2
    matte[0, :2] = 0, 255
    return matte, truth
