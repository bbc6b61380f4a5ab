"""The effects of a camera and of a shop's upload on a picture: light, colour, blur, noise and JPEG, on uint8 RGB(A)."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes


def lens(rng: np.random.Generator, rgba: Bytes) -> Bytes:
    """Defocus or motion blur in one of seven pictures, uint8 (H, W, 4); the alpha is blurred with the colours."""
    kind = rng.random()
    if kind < 0.09:
        return np.asarray(cv2.GaussianBlur(rgba, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    if kind < 0.14:
        return np.asarray(cv2.filter2D(rgba, -1, _streak(rng), borderType=cv2.BORDER_REPLICATE), np.uint8)
    return rgba


def _streak(rng: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """A kernel of motion blur: a line of 3 to 7 pixels at any angle, float32, sum 1."""
    side = int(rng.choice([3, 5, 7]))
    kernel = np.zeros((side, side), np.float32)
    kernel[side // 2] = 1.0
    turn = cv2.getRotationMatrix2D((side // 2, side // 2), rng.uniform(0, 180), 1.0)
    turned = cv2.warpAffine(kernel, turn, (side, side))
    return np.asarray(turned / max(float(turned.sum()), 1e-6), np.float32)


def sensor(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """White balance, gain, contrast and gamma (one table per channel), then sometimes noise, JPEG or grey, uint8 (H, W,
    3)."""
    out = tone(rng, rgb) if rng.random() < 0.8 else rgb
    if rng.random() < 0.25:
        out = _noisy(rng, out)
    if rng.random() < 0.3:
        out = _recompressed(rng, out)
    if rng.random() < 0.04:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return np.ascontiguousarray(out)


def tone(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """Random white balance, gain, contrast and gamma as one lookup table per channel, uint8 (H, W, 3)."""
    levels = np.arange(256, dtype=np.float32)[:, None] / 255.0
    curve = levels ** np.float32(np.exp(rng.normal(0, 0.2)))
    gain = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.05, 3))
    contrast = np.exp(rng.normal(0, 0.1))
    table = ((curve - 0.5) * contrast + 0.5) * gain * 255.0
    return np.asarray(cv2.LUT(rgb, np.clip(table, 0, 255).astype(np.uint8)[:, None, :]), np.uint8)


def _noisy(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    noise = np.empty(rgb.shape, np.int16)
    # OpenCV's generator is ten times faster than numpy's here; it is seeded from `rng`, so a step is repeatable.
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    cv2.randn(noise, 0, float(rng.uniform(1, 12)))
    return np.asarray(cv2.add(rgb, noise, dtype=cv2.CV_8U), np.uint8)


def _recompressed(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])
    if not done:
        raise ValueError("JPEG encoding failed")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
