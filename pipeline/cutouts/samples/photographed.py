"""Real photographs among the samples: photographed products with mattes, which are placed before a backdrop."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np

from cutouts.samples.canvas import Layer, Window


def photographed(name: str, *, left: int, bottom: int, width: int) -> Layer:
    """The product of `photographs/NAME.webp`, `width` px wide, its lower left corner at (`left`, `bottom`)."""
    data = (files("cutouts.samples") / "photographs" / f"{name}.webp").read_bytes()
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    small = np.asarray(read, np.float32) / 255
    height = round(small.shape[0] * width / small.shape[1])
    alpha = small[..., 3:]
    both = np.concatenate([small[..., 2::-1] * alpha, alpha], axis=2)  # clear pixels have no meaningful colour
    large = np.clip(cv2.resize(both, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    matte = large[..., 3]
    return Layer(
        window=Window(left=left, top=bottom - height, width=width, height=height),
        rgb=np.clip(large[..., :3] / np.maximum(matte, 1 / 255)[..., None], 0, 1),
        alpha=matte,
    )
