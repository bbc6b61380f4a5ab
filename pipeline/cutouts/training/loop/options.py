"""How one training is run; apart from the loop, so that the command can be explained without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.training.batches import schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one training is run.

    `rate` is a factor on the learning rates: a network that was trained before wants less than one. `frozen` counts the
    encoder's blocks that keep the weights they start with, the stem included when it is not 0; `only_presence` trains
    what says whether there is a product and leaves every mask as it is. `threads` bounds the CPU threads of a step,
    `drawers` are the processes that draw its images; `save_minutes` and `validate_minutes` are minutes of training
    time.
    """

    plan: schedule.Plan
    seed: int = 0
    frozen: int = 5
    only_presence: bool = False
    rate: float = 1.0
    legs: tuple[schedule.Leg, ...] = schedule.LEGS
    device: str = "cpu"
    threads: int = 2
    drawers: int = 1
    save_minutes: float = 3.0
    validate_minutes: float = 12.0
