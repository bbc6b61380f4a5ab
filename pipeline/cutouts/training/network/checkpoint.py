"""The state of a training on disk. It is written completely or not at all, so that a training may be killed at any
time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

M = TypeVar("M", bound=torch.nn.Module)

NAME = "checkpoint.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The progress of a training: steps done, images seen and seconds trained, over all of its runs.

    The sampler is a pure function of the step, so this is also the position in the data and the random state.
    """

    steps: int = 0
    images: int = 0
    seconds: float = 0.0


def save(run: Path, position: Position, states: dict[str, Any]) -> None:
    """Write `position` and the state dictionaries of `states` under `run`; the previous checkpoint is kept until the
    new one is complete."""
    part = run / (NAME + ".part")
    body = {"steps": position.steps, "images": position.images, "seconds": position.seconds, **states}
    with part.open("wb") as out:
        torch.save(body, out)
        out.flush()
        os.fsync(out.fileno())
    part.replace(run / NAME)


def load(run: Path) -> tuple[Position, dict[str, Any]] | None:
    """The last position and states under `run`, or None if no training has saved one yet."""
    file = run / NAME
    if not file.exists():
        return None
    body = torch.load(file, map_location="cpu", weights_only=True)
    position = Position(steps=body.pop("steps"), images=body.pop("images"), seconds=body.pop("seconds"))
    return position, body


def averaged(run: Path, network: M) -> M:
    """`network` with the averaged weights of the last checkpoint under `run`. Raises FileNotFoundError if there is
    none."""
    saved = load(run)
    if saved is None:
        raise FileNotFoundError(f"no checkpoint under {run}")
    network.load_state_dict(saved[1]["average"])
    network.eval()
    return network
