"""The options of a training, in a separate module so that the command's help does not need PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.training.batches import schedule
from cutouts.training.batches.shares import SHARES, Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """The options of a training.

    `rate` is a factor on the learning rates; a network that was trained before needs a factor below 1. `frozen` is the
    number of encoder blocks that keep their initial weights; if it is not 0, the stem keeps its weights too. `shares`
    says how often each kind of image is drawn. `only_presence` trains only whether there is a product, and leaves every
    mask unchanged. `threads` limits the CPU threads of a step, `loader_workers` is the number of processes that draw
    its images; `save_minutes` and `validate_minutes` are in minutes of training time.
    """

    budget: schedule.Budget
    seed: int = 0
    frozen: int = 5
    only_presence: bool = False
    rate: float = 1.0
    phases: tuple[schedule.Phase, ...] = schedule.PHASES
    shares: Shares = SHARES
    device: str = "cpu"
    threads: int = 2
    loader_workers: int = 1
    save_minutes: float = 3.0
    validate_minutes: float = 12.0
