"""The training loop: prefetch, step, average, log, validate, checkpoint, until the budget is used up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cutouts.training.batches import sampler, schedule
from cutouts.training.batches.loader import BatchLoader
from cutouts.training.data.cache import Datasets
from cutouts.training.export.frozen import FrozenNetwork
from cutouts.training.loop.log import Log
from cutouts.training.loop.options import TrainingOptions
from cutouts.training.loop.threads import Pace
from cutouts.training.loop.validation import Validation
from cutouts.training.network import checkpoint, loss
from cutouts.training.network.average import Average
from cutouts.training.network.checkpoint import Position
from cutouts.training.network.saliency import SaliencyNetwork, normalised

ENCODER_RATE, DECODER_RATE = 4e-4, 2e-3
WEIGHT_DECAY = 1e-2
CLIP = 5.0
LOG_EVERY = 20


@dataclass(slots=True, kw_only=True)
class Trainee:
    """A network, its average and its optimiser: everything that a step changes and a checkpoint stores."""

    network: nn.Module
    average: Average
    optimiser: torch.optim.Optimizer

    def states(self) -> dict[str, Any]:
        """The state dictionaries of all three."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, states: dict[str, Any]) -> None:
        """Load the state dictionaries that `states` returned."""
        self.network.load_state_dict(states["network"])
        self.average.network.load_state_dict(states["average"])
        self.optimiser.load_state_dict(states["optimiser"])
        for group in self.optimiser.param_groups:
            group["fused"] = True


def trainee(network: SaliencyNetwork, settings: TrainingOptions) -> Trainee:
    """The network on its device with an optimiser; its first `settings.frozen` blocks keep their weights.

    Frozen blocks need no backward pass, and most of its time is spent on the planes at strides 2 to 8.
    """
    network = network.to(settings.device, memory_format=torch.channels_last)
    for module in _frozen(network, settings):
        module.requires_grad_(False)
    network.decoder.presence.requires_grad_(True)
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": peak, "peak": peak}
        for part, peak in ((network.encoder, ENCODER_RATE), (network.decoder, DECODER_RATE))
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)
    return Trainee(network=network, average=Average(network), optimiser=optimiser)


def _frozen(network: SaliencyNetwork, settings: TrainingOptions) -> list[nn.Module]:
    """The modules that keep their weights; in those of the encoder, batch norm is folded."""
    if settings.only_presence:
        return [network]
    return [network.encoder.stem, *network.encoder.blocks[: settings.frozen]] if settings.frozen else []


def train(
    run: Path,
    start: SaliencyNetwork,
    datasets: Datasets,
    validation: Validation,
    settings: TrainingOptions,
    stop: threading.Event,
) -> None:
    """Train from `start`, or from the checkpoint under `run`, until the budget is used up; logs to `run`/log.jsonl.

    When `stop` is set, the present step is finished and saved, and the same call continues from there later.
    """
    student = trainee(start, settings)
    saved = checkpoint.load(run)
    start_at = position = saved[0] if saved is not None else Position()
    if saved is not None:
        student.load(saved[1])
    log = Log(run / "log.jsonl")
    for position in _steps(student, datasets, start_at, settings, log):
        if log.due("save", settings.save_minutes, position):
            checkpoint.save(run, position, student.states())
        if log.due("validate", settings.validate_minutes, position):
            log.score(position, validation(student.average.network))
        if stop.is_set():
            break
    checkpoint.save(run, position, student.states())
    if not stop.is_set():
        log.score(position, validation(student.average.network))


def _steps(
    student: Trainee, datasets: Datasets, position: Position, settings: TrainingOptions, log: Log
) -> Iterator[Position]:
    """Train step by step, and yield the position after each step, until the budget is used up."""
    budget, pace, began = settings.budget, Pace(settings.threads), time.monotonic()
    torch.set_num_threads(settings.threads)
    judged = _judge(student.network, settings)
    pinned = settings.device != "cpu"
    draw = partial(sampler.batch, shares=settings.shares)
    loader = BatchLoader(datasets, settings.seed, position.steps, settings.loader_workers, pinned=pinned, draw=draw)
    with closing(loader) as feed:
        while (progress := budget.progress(position.images, position.seconds)) < 1.0:
            batch = feed.next(schedule.phase(progress, settings.phases)).to(settings.device, non_blocking=True)
            value = step(student, judged(batch), settings.rate * schedule.rate(progress))
            student.average.update(student.network, position.steps)
            torch.set_num_threads(pace.after_step())
            now = time.monotonic()
            position = Position(
                steps=position.steps + 1,
                images=position.images + len(batch),
                seconds=position.seconds + now - began,
            )
            began = now
            if position.steps % LOG_EVERY == 0:
                log.step(position, value, batch.shape[1], budget)
            yield position


def step(student: Trainee, value: torch.Tensor, factor: float) -> float:
    """Make one step of the optimiser on the loss `value`, with `factor` times its peak rates. Returns the loss before
    the step."""
    for group in student.optimiser.param_groups:
        group["lr"] = group["peak"] * factor
    student.optimiser.zero_grad(set_to_none=True)
    value.backward()
    nn.utils.clip_grad_norm_(student.network.parameters(), CLIP)
    student.optimiser.step()
    return float(value.detach())


def _judge(network: SaliencyNetwork, settings: TrainingOptions) -> Callable[[torch.Tensor], torch.Tensor]:
    """The loss function of `network` in training, for a batch of uint8 RGBA: of the whole output, or only of
    presence."""
    if settings.only_presence:
        views, presence = _views(network.eval(), settings), network.decoder.presence.train()
        return lambda rgba: loss.presence(presence(*views(rgba)), _alpha(rgba))
    network.train()
    return lambda rgba: loss.total(_mixed(network, rgba).float(), _alpha(rgba))


def _views(network: SaliencyNetwork, settings: TrainingOptions) -> Callable[[torch.Tensor], list[torch.Tensor]]:
    """A function that computes the planes for presence, with a network that does not change."""
    if settings.device == "cpu":
        still = FrozenNetwork(network, settings.threads)
        return lambda rgba: still(rgba[..., :3].numpy())

    def seen(rgba: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [plane.float() for plane in _mixed(network.views, rgba)]

    return seen


def _mixed(part: Callable[[torch.Tensor], Any], rgba: torch.Tensor) -> Any:
    """The result of `part` for the pixels, with automatic mixed precision in bfloat16 if the device computes in it."""
    pixels = normalised(rgba[..., :3]).contiguous(memory_format=torch.channels_last)
    with torch.autocast(rgba.device.type, torch.bfloat16, enabled=rgba.is_cuda or _cpu_has_bfloat16()):
        return part(pixels)


@cache
def _cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16: a step then takes three fifths of its time. Emulated, it would be
    slower."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _alpha(rgba: torch.Tensor) -> torch.Tensor:
    """The alpha of a batch, float32 (N, 1, S, S) in 0..1."""
    return rgba[..., 3].unsqueeze(1).float() / 255.0
