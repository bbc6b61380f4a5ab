"""Validates the average during training: MAE and F on photographs of `duts-tr-07`, which are never used for
training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from cutouts.core.pixels import Doubles, Floats, shrink
from cutouts.metrics import f_measure, mean_absolute_error
from cutouts.training.data.cache import VALIDATION_SHARD
from cutouts.training.data.examples import Example, masked_examples
from cutouts.training.network.saliency import SaliencyNetwork, normalised

THRESHOLDS = np.array([0.2, 0.35, 0.5, 0.65, 0.8, 0.9], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Mean absolute error, and the mean F-measure at the best of six thresholds; both 0 to 1."""

    mae: float
    f: float


Validation = Callable[[SaliencyNetwork], Score]


def validation(data: Path, count: int, size: int, device: str = "cpu") -> Validation:
    """A function that scores a network on the first `count` validation photographs, with inputs of `size` (px) as in
    use."""
    examples = list(islice(masked_examples([data / VALIDATION_SHARD]), count))

    def score(network: SaliencyNetwork) -> Score:
        results = [_judged(network, example, size, device) for example in examples]
        mean = np.mean([row for _, row in results], axis=0)
        return Score(mae=float(np.mean([mae for mae, _ in results])), f=float(mean.max()))

    return score


def f_measures(matte: Floats, truth: Floats) -> Doubles:
    """F-measure (β² = 0.3) of `matte` at each of `THRESHOLDS` against `truth`, both (H, W) in 0..1; float64 (6,)."""
    said = matte[None] >= THRESHOLDS[:, None, None]
    true = truth >= 0.5
    hits = (said & true).sum((1, 2)).astype(np.float64)
    precision, recall = hits / np.maximum(said.sum((1, 2)), 1), hits / max(1, int(true.sum()))
    return f_measure(precision, recall)


def _judged(network: SaliencyNetwork, example: Example, size: int, device: str) -> tuple[float, Doubles]:
    """MAE and F-measures of one photograph, at the mask's own size."""
    image = np.ascontiguousarray(shrink(np.ascontiguousarray(example.rgba[..., :3]), size, size))
    pixels = normalised(torch.from_numpy(image[None]).to(device)).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        matte = network(pixels).probability(example.rgba.shape[:2])[0, 0].cpu().numpy()
    truth = example.rgba[..., 3].astype(np.float32) / np.float32(255)
    return mean_absolute_error(matte, truth), f_measures(matte, truth)
