"""`python -m pipeline.training.compare`: networks beside each other on products, empty scenes and photographs.

Every network answers every image of a set in the same run, images outside, networks inside, so that a busy machine
slows all of them alike. Writes one row per image and network to `rows.csv` and prints a Markdown table.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from pipeline.core import truth as metric
from pipeline.training import testsets
from pipeline.training.contenders import AsRembg, Contender, Ours
from pipeline.training.testsets import Case

BETA_SQUARED = 0.3
LEVELS = 255
# An empty scene counts as taken for a product when this share of it is.
TAKEN_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one network did on one image. `mean` is its mean matte, `area` the share at one half or more, both 0..1."""

    images: str
    network: str
    name: str
    mae: float
    iou: float
    boundary_iou: float
    f1: float
    mean: float
    area: float
    seconds: float


class MaximalF:
    """Maximal F-measure (β² = 0.3) as the literature has it: precision and recall averaged per threshold, best F."""

    def __init__(self) -> None:
        self._sums: dict[str, np.ndarray[tuple[int, int], np.dtype[np.float64]]] = {}
        self._counts: dict[str, int] = {}

    def add(self, network: str, matte: metric.Plane, truth: metric.Plane) -> None:
        """Take in one image's curve of precision and recall."""
        true = truth >= metric.THRESHOLD
        levels = np.clip(np.rint(matte * LEVELS), 0, LEVELS).astype(np.int64)
        hits = _at_least(levels[true])
        said = _at_least(levels.ravel())
        curve = np.stack([hits / np.maximum(said, 1), hits / max(1, int(true.sum()))])
        self._sums[network] = self._sums.get(network, np.zeros_like(curve)) + curve
        self._counts[network] = self._counts.get(network, 0) + 1

    def value(self, network: str) -> float:
        """The best F over all thresholds, 0..1."""
        precision, recall = self._sums[network] / self._counts[network]
        f = (1 + BETA_SQUARED) * precision * recall / np.maximum(BETA_SQUARED * precision + recall, 1e-9)
        return float(f.max())


def _at_least(levels: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How many of `levels` are at least 0, 1 … 255; float64 (256,)."""
    counts = np.bincount(levels, minlength=LEVELS + 1)
    return np.asarray(counts[::-1].cumsum()[::-1], np.float64)


def compared(
    images: str, cases: Iterable[Case], networks: Mapping[str, Contender], curve: MaximalF | None = None
) -> Iterator[Row]:
    """One row per image and network; `curve`, where given, takes in every answer."""
    for case in cases:
        for name, network in networks.items():
            answer = network(case.image)
            if curve is not None:
                curve.add(name, answer.matte, case.truth)
            yield Row(
                images=images,
                network=name,
                name=case.name,
                mae=metric.mean_absolute_error(answer.matte, case.truth),
                iou=metric.intersection_over_union(answer.matte, case.truth),
                boundary_iou=metric.boundary_iou(answer.matte, case.truth),
                f1=metric.precision_recall_f1(answer.matte, case.truth)[2],
                mean=float(answer.matte.mean()),
                area=float((answer.matte >= metric.THRESHOLD).mean()),
                seconds=answer.seconds,
            )


def table(rows: list[Row], curve: MaximalF) -> str:
    """A Markdown table, a line per network: MAE / IoU / boundary IoU per set, empty scenes, photographs, time."""
    kinds = [kind for kind in ("plain", "shaded", "busy") if any(row.images == kind for row in rows)]
    head = ["network", *kinds, "empty: mean / taken", "photographs: MAE / max-F", "ms"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for network in dict.fromkeys(row.network for row in rows):
        mine = [row for row in rows if row.network == network]
        cells = [network, *(_quality([row for row in mine if row.images == kind]) for kind in kinds)]
        cells += [_empty(mine), _photographs(mine, network, curve)]
        cells.append(f"{1000 * np.median([row.seconds for row in mine]):.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(rows: list[Row], value: Callable[[Row], float]) -> float:
    return float(np.mean([value(row) for row in rows])) if rows else float("nan")


def _quality(rows: list[Row]) -> str:
    mae, iou = _mean(rows, lambda row: row.mae), _mean(rows, lambda row: row.iou)
    return f"{mae:.4f} / {iou:.3f} / {_mean(rows, lambda row: row.boundary_iou):.3f}"


def _empty(rows: list[Row]) -> str:
    scenes = [row for row in rows if row.images == "empty"]
    taken = sum(row.area >= TAKEN_SHARE for row in scenes)
    return f"{_mean(scenes, lambda row: row.mean):.4f} / {taken} of {len(scenes)}"


def _photographs(rows: list[Row], network: str, curve: MaximalF) -> str:
    photographs = [row for row in rows if row.images == "photographs"]
    if not photographs:
        return "–"
    return f"{_mean(photographs, lambda row: row.mae):.4f} / {curve.value(network):.3f}"


def measured(data: Path, networks: Mapping[str, Contender], limit: int | None) -> tuple[list[Row], MaximalF]:
    """All rows of all sets; `limit` bounds the products and photographs of each."""
    rows: list[Row] = []
    for kind in ("plain", "shaded", "busy"):
        rows += compared(kind, testsets.products(data, kind, limit), networks)
        click.echo(f"{kind}: done")
    rows += compared("empty", testsets.empty(data), networks)
    curve = MaximalF()
    rows += compared("photographs", testsets.photographs(data, limit), networks, curve)
    return rows, curve


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, write the rows and print the table."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.training.compare", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for rows.csv and table.md")
    parser.add_argument("--network", action="append", default=[], metavar="NAME=FILE", help="uint8 NHWC in")
    parser.add_argument("--as-rembg", action="append", default=[], metavar="NAME=FILE", help="of the U²-Net family")
    parser.add_argument("--limit", type=int, help="images of each set (default: all)")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    networks: dict[str, Contender] = {}
    networks.update((name, Ours(Path(file))) for name, _, file in (item.partition("=") for item in options.network))
    networks.update((name, AsRembg(Path(file))) for name, _, file in (item.partition("=") for item in options.as_rembg))
    rows, curve = measured(options.data, networks, options.limit)
    _write(options.out, rows, table(rows, curve))


def _write(out: Path, rows: list[Row], text: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
