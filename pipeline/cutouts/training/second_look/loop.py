"""Trains the second look: a network that corrects the saliency of another network, which does not change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch

from cutouts.core.pixels import Bytes, Floats
from cutouts.training.batches import sampler, schedule
from cutouts.training.batches.loader import BatchLoader
from cutouts.training.batches.schedule import Phase
from cutouts.training.data.cache import Datasets
from cutouts.training.loop.log import Log
from cutouts.training.loop.loop import LOG_EVERY, WEIGHT_DECAY, Trainee, step
from cutouts.training.loop.options import TrainingOptions
from cutouts.training.network import checkpoint, loss
from cutouts.training.network.average import Average
from cutouts.training.network.checkpoint import Position
from cutouts.training.second_look.mistakes import mistaken
from cutouts.training.second_look.network import CLIP, SIZE, Mending
from cutouts.training.second_look.shadows import lit

RATE = 2e-3
BATCH = 12
TRUSTED = 0.05
"""Images whose ground is trusted less than this are not used for training: their saliency stays unchanged anyway."""
HAZY_SHARE = 0.1
"""Images are not used if more than this share of the product is half transparent, so that the treatment of glass does
not change."""
LIT_SHARE = 0.75
"""Share of images that may get additional shadows or beams of light."""


class Base:
    """The saliency of an exported network, uint8 (N, S, S, 3) to float32 (N, S, S); `size` is S."""

    def __init__(self, file: Path) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        self.size = int(self._session.get_inputs()[0].shape[1])

    def __call__(self, image: Bytes) -> Floats:
        """Saliency float32 (S, S) of one image, uint8 (S, S, 3)."""
        return np.asarray(self._session.run(None, {"image": image[None]})[0][0, 0], np.float32)


def train(run: Path, base: Path, datasets: Datasets, settings: TrainingOptions, stop: threading.Event) -> None:
    """Train a second look behind `base`, or continue from the checkpoint under `run`, until the budget is used up."""
    torch.set_num_threads(settings.threads)
    student = _student()
    saved = checkpoint.load(run)
    start_at = position = saved[0] if saved is not None else Position()
    if saved is not None:
        student.load(saved[1])
    log = Log(run / "log.jsonl")
    for position in _steps(student, Base(base), datasets, start_at, settings, log):
        if log.due("save", settings.save_minutes, position):
            checkpoint.save(run, position, student.states())
        if stop.is_set():
            break
    checkpoint.save(run, position, student.states())


def trained(run: Path) -> Mending:
    """The average of the last checkpoint under `run`. Raises FileNotFoundError if there is none."""
    return checkpoint.averaged(run, Mending())


def _student() -> Trainee:
    network = Mending().train()
    groups = [{"params": list(network.parameters()), "lr": RATE, "peak": RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)
    return Trainee(network=network, average=Average(network), optimiser=optimiser)


def _steps(
    student: Trainee, base: Base, datasets: Datasets, position: Position, settings: TrainingOptions, log: Log
) -> Iterator[Position]:
    """Train step by step and give the position after each, until the budget is used up."""
    budget, began, phase = settings.budget, time.monotonic(), Phase(until=1.0, size=base.size, batch=BATCH)
    # A training step draws repeatedly until its batch is full, so the loader counts its own steps.
    first = position.steps << 8
    with closing(
        BatchLoader(datasets, settings.seed, first, settings.loader_workers, pinned=False, draw=sampler.grounded)
    ) as feed:
        while (progress := budget.progress(position.images, position.seconds)) < 1.0:
            rng = np.random.default_rng([settings.seed, position.steps, 1])
            rgb, alpha, saliency = _batch(rng, feed, phase, base, student.average.network)
            value = step(student, _loss(student.network, rgb, alpha, saliency), settings.rate * schedule.rate(progress))
            student.average.update(student.network, position.steps)
            now = time.monotonic()
            seconds = position.seconds + now - began
            position = Position(steps=position.steps + 1, images=position.images + len(rgb), seconds=seconds)
            began = now
            if position.steps % LOG_EVERY == 0:
                log.step(position, value, base.size, budget)
            yield position


def _loss(look: Mending, rgb: torch.Tensor, alpha: torch.Tensor, saliency: torch.Tensor) -> torch.Tensor:
    logit = torch.logit(look(rgb, saliency), CLIP / 10)
    return loss.structure(logit, alpha, loss.edge_weights(alpha))


def _batch(
    rng: np.random.Generator, feed: BatchLoader, phase: Phase, base: Base, look: Mending
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Colours (N, 3, 256, 256), alpha and saliency (N, 1, 256, 256), all 0..1, of images that can be used for
    training."""
    rows: list[tuple[torch.Tensor, ...]] = []
    while len(rows) < phase.batch:
        for rgba in feed.next(phase).numpy():
            if len(rows) < phase.batch and teaches(rgba, look):
                rows.append(_row(rng, rgba, base(np.ascontiguousarray(rgba[..., :3]))))
    rgb, alpha, saliency = (torch.stack(planes) for planes in zip(*rows, strict=True))
    return rgb, alpha, saliency


def teaches(rgba: Bytes, look: Mending) -> bool:
    """Whether an image, uint8 (S, S, 4), has a trustworthy ground and a product that is not half transparent."""
    small = _small(rgba)
    alpha = small[..., 3]
    if ((alpha > 90) & (alpha < 165)).sum() > HAZY_SHARE * max(1, (alpha > 30).sum()):
        return False
    rgb, true = _tensor(np.ascontiguousarray(small[..., :3])), _tensor(alpha[..., None])
    with torch.no_grad():
        return float(look.estimate(rgb[None], true[None]).trust) >= TRUSTED


def _row(rng: np.random.Generator, rgba: Bytes, said: Floats) -> tuple[torch.Tensor, ...]:
    """One image at the second look's size, sometimes with new light, its alpha, and its saliency, sometimes with a
    mistake."""
    small = _small(rgba)
    saliency = np.asarray(cv2.resize(said, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.float32)
    rgb, alpha = np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])
    saliency = mistaken(rng, rgb, alpha, saliency)
    if rng.random() < LIT_SHARE:
        rgb, saliency = lit(rng, rgb, alpha, saliency)
    return _tensor(rgb), _tensor(alpha[..., None]), torch.from_numpy(np.ascontiguousarray(saliency))[None].float()


def _small(rgba: Bytes) -> Bytes:
    return np.asarray(cv2.resize(rgba, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def _tensor(picture: Bytes) -> torch.Tensor:
    """Float32 (C, H, W) in 0..1 of uint8 (H, W, C)."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255
