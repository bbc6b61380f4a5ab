"""Draws the curves of a training: loss and validation over the images seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no screen is needed
from matplotlib import pyplot as plt


def draw(run: Path) -> Path:
    """Draw `run`/log.jsonl to `run`/curve.png, and return its path."""
    matplotlib.rcdefaults()  # a matplotlibrc in the working folder must have no effect
    rows: list[dict[str, Any]] = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    scores = [row for row in rows if "mae" in row]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
    left.plot([row["images"] for row in steps], _smooth([row["loss"] for row in steps]))
    left.set(xlabel="images seen", ylabel="loss (smoothed)")
    right.plot([row["images"] for row in scores], [row["mae"] for row in scores], "o-", label="MAE")
    right.plot([row["images"] for row in scores], [1 - row["f"] for row in scores], "s-", label="1 − F")
    right.set(xlabel="images seen", ylabel="validation (lower is better)", ylim=(0, None))
    right.legend()
    target = run / "curve.png"
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target


def _smooth(values: list[float], keep: float = 0.9) -> list[float]:
    """A running mean that keeps the share `keep` of itself in each step."""
    out: list[float] = []
    for value in values:
        out.append(value if not out else keep * out[-1] + (1 - keep) * value)
    return out
