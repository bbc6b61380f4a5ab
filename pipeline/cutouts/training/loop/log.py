"""The log of a training: one JSON object per line, and a line of progress with the remaining time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cutouts.adapters.terminal import say
from cutouts.training.batches.schedule import Budget
from cutouts.training.loop.validation import Score
from cutouts.training.network.checkpoint import Position


class Log:
    """Writes one JSON object per line to a file, and prints lines of progress with the remaining time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: dict[str, float] = {}
        self._mark: Position | None = None

    def due(self, what: str, minutes: float, position: Position) -> bool:
        """Whether `minutes` of training have passed since this was last true for `what` (or since the start)."""
        last = self._last.setdefault(what, position.seconds)
        if position.seconds - last < minutes * 60.0:
            return False
        self._last[what] = position.seconds
        return True

    def step(self, position: Position, value: float, size: int, budget: Budget) -> None:
        """Log the loss of a step, and print the speed and the remaining time."""
        speed = self._speed(position)
        progress = budget.progress(position.images, position.seconds)
        self._write({**asdict(position), "loss": value, "size": size, "images_per_second": speed})
        left = (budget.images - position.images) / speed if speed else budget.seconds
        left = max(0.0, min(budget.seconds - position.seconds, left))
        say(
            f"{progress:6.1%}  step {position.steps}  {position.images} images  {size}²  loss {value:.3f}  "
            f"{speed:.1f} images/s  {left / 60:.0f} min left"
        )

    def score(self, position: Position, score: Score) -> None:
        """Log the score of the average on the validation images, and print it."""
        self._write({**asdict(position), **asdict(score)})
        say(f"validation: MAE {score.mae:.4f}, F {score.f:.4f}")

    def _speed(self, position: Position) -> float:
        mark, self._mark = self._mark, position
        if mark is None or position.seconds == mark.seconds:
            return 0.0
        return (position.images - mark.images) / (position.seconds - mark.seconds)

    def _write(self, row: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
