"""How one training is run; apart from the loop, so that the command can be explained without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.training.batches import schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How one training is run.

    `rate` is a factor on the learning rates: a network that was trained before needs less than one. `frozen` counts the
    encoder's blocks that keep the weights they start with, the stem included if it is not 0; `only_presence` trains
    only whether there is a product and leaves every mask as it is. `threads` bounds the CPU threads of a step,
    `loader_workers` is the number of processes that draw its images; `save_minutes` and `validate_minutes` are in
    minutes of training time.
    """

    budget: schedule.Budget
    seed: int = 0
    frozen: int = 5
    only_presence: bool = False
    rate: float = 1.0
    phases: tuple[schedule.Phase, ...] = schedule.PHASES
    device: str = "cpu"
    threads: int = 2
    loader_workers: int = 1
    save_minutes: float = 3.0
    validate_minutes: float = 12.0
