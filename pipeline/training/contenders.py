"""Networks to measure beside each other: ours from any ONNX file, and U²-Net-p run as rembg runs it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from pipeline.core.pixels import shrink
from pipeline.training.cache import Pixels

Plane = npt.NDArray[np.float32]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
U2NET_SIZE = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a network says of one image: a matte, float32 (H, W) in 0..1, and the CPU seconds of its run."""

    matte: Plane
    seconds: float


class Contender(Protocol):
    """Anything that gives a matte for an image."""

    def __call__(self, image: Pixels) -> Answer:
        """The answer for uint8 RGB (H, W, 3)."""
        ...


class Ours:
    """A network with uint8 NHWC input and raw probability out, upscaled bilinearly and nothing else."""

    def __init__(self, file: Path) -> None:
        self._session = _session(file)
        feed = self._session.get_inputs()[0]
        self._name, self._size = feed.name, int(feed.shape[1])

    def __call__(self, image: Pixels) -> Answer:
        """The raw probability at the size of `image`."""
        small = shrink(image, self._size, self._size)
        began = time.thread_time()
        (saliency,) = self._session.run(None, {self._name: small[None]})
        seconds = time.thread_time() - began
        plane = np.asarray(saliency, np.float32).reshape(saliency.shape[-2:])
        matte = cv2.resize(plane, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        return Answer(matte=np.asarray(matte, np.float32), seconds=seconds)


class AsRembg:
    """A network of the U²-Net family as rembg 2 runs it: LANCZOS both ways, own maximum, stretch of the output."""

    def __init__(self, file: Path) -> None:
        self._session = _session(file)
        self._name = self._session.get_inputs()[0].name
        self._first = self._session.get_outputs()[0].name

    def __call__(self, image: Pixels) -> Answer:
        """The stretched mask at the size of `image`, after rounding to 8 bit as rembg does."""
        small = np.asarray(Image.fromarray(image).resize((U2NET_SIZE, U2NET_SIZE), Image.Resampling.LANCZOS))
        scaled = small / max(float(small.max()), 1e-6)
        pixels = ((scaled - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)[None].astype(np.float32)
        began = time.thread_time()
        (saliency,) = self._session.run([self._first], {self._name: pixels})
        seconds = time.thread_time() - began
        plane = np.asarray(saliency, np.float32)[0, 0]
        low, high = float(plane.min()), float(plane.max())
        stretched = (plane - low) / max(high - low, 1e-9)
        mask = Image.fromarray((stretched.clip(0, 1) * 255).astype(np.uint8))
        full = mask.resize((image.shape[1], image.shape[0]), Image.Resampling.LANCZOS)
        return Answer(matte=np.asarray(full, np.float32) / np.float32(255), seconds=seconds)


def _session(file: Path) -> Any:
    """A session on one thread that does not spin, so that CPU time is the cost of the run."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
