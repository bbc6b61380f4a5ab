"""An evaluation as Markdown for people: tables of all sets side by side, of every figure, and of comparisons of two
networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cutouts.core.pixels import Doubles
from cutouts.evaluation.measure import Evaluation, MeanCurves, MeasuredImage
from cutouts.evaluation.paired_tests import Paired, paired
from cutouts.metrics import ERRORS, METRICS, f_measure

TAKEN_SHARE = 0.01
"""A scene without a product counts as taken for a product if at least this share of its matte is at one half or
more."""
MISSED_IOU = 0.5
"""A product counts as missed if the IoU of its mask is less than this."""
LOST_SHARE = 0.05
"""A product counts as losing a part if more than this share of its area is missing."""
NONE = "–"
"""Shown in place of a missing value."""

_NO_PRODUCT = ("mae", "sad", "mse")
"""The metrics that can be compared if there is no product."""
_Of = Callable[[Sequence[MeasuredImage], MeanCurves], str]


def as_text(evaluation: Evaluation, comparisons: Sequence[tuple[str, Sequence[Paired]]], pair: Sequence[str]) -> str:
    """All tables, as Markdown. `comparisons` are those of the two networks in `pair`, by set."""
    parts = [overview(evaluation), *(full(evaluation, images) for images in evaluation.sets)]
    parts += [comparison(images, pair, rows) for images, rows in comparisons]
    return "\n\n".join(parts) + "\n"


def overview(evaluation: Evaluation) -> str:
    """One line per network, with all sets side by side and the time, as model cards show it."""
    head = [
        "",
        "MAE / IoU / boundary IoU / max-F / S-measure / how many products lose more than"
        f" {LOST_SHARE:.0%} of their area; of scenes without a product: mean matte / how many are taken for one. Time:"
        " median CPU ms per image of the network's run, one thread.",
        "",
    ]
    lines = [_line(["network", *evaluation.sets, "ms", "ms / first"]), "|" + "---|" * (len(evaluation.sets) + 3)]
    times = [_milliseconds(evaluation, network) for network in evaluation.networks]
    for network, time in zip(evaluation.networks, times, strict=True):
        cells = [_cell(evaluation, images, network) for images in evaluation.sets]
        ratio = f"{time / times[0]:.2f}" if time and times[0] else NONE
        lines.append(_line([network, *cells, f"{time:.1f}" if time else NONE, ratio]))
    return "\n".join(["## All sets", *head, *lines])


def full(evaluation: Evaluation, images: str) -> str:
    """Every figure of one set, with a column per network."""
    columns = [
        (evaluation.of(images, network), evaluation.curves.get((images, network))) for network in evaluation.networks
    ]
    lines = [_line([images, *evaluation.networks]), "|---|" + "---:|" * len(columns)]
    figures = _EMPTY if _has_no_product([one for rows, _ in columns for one in rows]) else _FIGURES
    for name, value in figures.items():
        lines.append(_line([name, *(value(rows, curves) if rows and curves else NONE for rows, curves in columns)]))
    return "\n".join([f"## {images}", "", *lines])


def comparison(images: str, pair: Sequence[str], rows: Sequence[Paired]) -> str:
    """Two networks on the same images of one set, metric by metric."""
    first, second = pair
    lines = [
        f"## {images}: {first} against {second}",
        "",
        f"Difference: {second} − {first} with its 95 % interval (paired bootstrap, fixed seed); p: Wilcoxon's signed"
        " ranks, two-sided; better on: images.",
        "",
        _line(
            [
                "metric",
                first,
                second,
                "difference",
                "95 % interval",
                f"{first} better on",
                f"{second} better on",
                "same",
                "p",
            ]
        ),
        "|---|" + "---:|" * 8,
        *map(_compared, rows),
    ]
    return "\n".join(lines)


def comparisons(evaluation: Evaluation, pair: Sequence[str]) -> list[tuple[str, list[Paired]]]:
    """Each set in which both networks of `pair` have mattes for some of the same images, with their comparison; empty
    if `pair` is empty."""
    found = []
    for images in evaluation.sets if pair else ():
        first, second = ({row.name: row for row in evaluation.of(images, network)} for network in pair)
        names = [name for name in first if name in second]
        if names:
            metrics = _NO_PRODUCT if _has_no_product(list(first.values())) else METRICS
            tables = [_values([rows[name] for name in names], metrics) for rows in (first, second)]
            found.append((images, paired(metrics, tables[0], tables[1], ERRORS)))
    return found


def _values(rows: Sequence[MeasuredImage], metrics: Sequence[str]) -> Doubles:
    """The values of the metrics, float64 (rows, metrics)."""
    return np.array([[getattr(row.scores, metric) for metric in metrics] for row in rows], np.float64)


def _compared(row: Paired) -> str:
    name, factor, digits = SHOWN[row.metric]
    first, second, low, high = (factor * value for value in (row.first, row.second, row.low, row.high))
    return _line(
        [
            name,
            f"{first:.{digits}f}",
            f"{second:.{digits}f}",
            f"{second - first:+.{digits}f}",
            f"{low:+.{digits}f} … {high:+.{digits}f}",
            str(row.first_better),
            str(row.second_better),
            str(row.same),
            "<0.0001" if row.p < 0.0001 else f"{row.p:.4f}",
        ]
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(evaluation: Evaluation, images: str, network: str) -> str:
    """The overview's cell for one network and one set."""
    rows, curves = evaluation.of(images, network), evaluation.curves.get((images, network))
    if not rows or curves is None:
        return NONE
    if _has_no_product(rows):
        return f"{_mean(rows, lambda row: row.mean):.4f} / {_taken(rows)}"
    shown = (f"{_score(rows, name):.{digits}f}" for name, digits in (("mae", 4), ("iou", 3), ("boundary_iou", 3)))
    return " / ".join([*shown, f"{_max_f(curves):.3f}", f"{_score(rows, 's_measure'):.3f}", _losing(rows)])


def _has_no_product(rows: Sequence[MeasuredImage]) -> bool:
    return bool(rows) and all(row.empty for row in rows)


def _milliseconds(evaluation: Evaluation, network: str) -> float | None:
    """The median CPU time over all sets (ms); None if no network ran."""
    seconds = [row.seconds for row in evaluation.measured if row.network == network and row.seconds is not None]
    return 1000 * float(np.median(seconds)) if seconds else None


def _mean(rows: Sequence[MeasuredImage], value: Callable[[MeasuredImage], float]) -> float:
    return float(np.mean([value(row) for row in rows]))


def _score(rows: Sequence[MeasuredImage], metric: str) -> float:
    return _mean(rows, lambda row: float(getattr(row.scores, metric)))


def _taken(rows: Sequence[MeasuredImage]) -> str:
    return f"{sum(row.area >= TAKEN_SHARE for row in rows)} of {len(rows)}"


def _missed(rows: Sequence[MeasuredImage]) -> str:
    return f"{sum(row.scores.iou < MISSED_IOU for row in rows)} of {len(rows)}"


def _losing(rows: Sequence[MeasuredImage]) -> str:
    count = sum(row.scores.lost > LOST_SHARE for row in rows)
    return f"{count} of {len(rows)} ({count / len(rows):.1%})"


def _max_f(curves: MeanCurves) -> float:
    """The best F of mean precision and recall (Achanta et al. 2009, and the tables of U²-Net)."""
    return float(f_measure(curves.precision, curves.recall).max())


def _of(metric: str) -> _Of:
    """The mean of a metric, formatted for a table."""
    _, factor, digits = SHOWN[metric]
    return lambda rows, _: f"{factor * _score(rows, metric):.{digits}f}"


def _opened(rows: Sequence[MeasuredImage], _: MeanCurves) -> str:
    """The mean over the products with a hole, and their number."""
    shares = [row.opened for row in rows if row.opened is not None]
    return f"{100 * float(np.mean(shares)):.1f} (of {len(shares)})" if shares else NONE


def _time(rows: Sequence[MeasuredImage], _: MeanCurves) -> str:
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return f"{1000 * float(np.median(seconds)):.1f}" if seconds else NONE


SHOWN = {
    "mae": ("MAE", 1, 4),
    "precision": ("precision, at ½", 1, 4),
    "recall": ("recall, at ½", 1, 4),
    "f1": ("F1, at ½", 1, 4),
    "max_f": ("max F, image by image", 1, 4),
    "mean_f": ("mean F", 1, 4),
    "adaptive_f": ("adaptive F", 1, 4),
    "s_measure": ("S-measure", 1, 4),
    "max_e": ("max E, image by image", 1, 4),
    "mean_e": ("mean E", 1, 4),
    "adaptive_e": ("adaptive E", 1, 4),
    "weighted_f": ("weighted F", 1, 4),
    "iou": ("IoU", 1, 4),
    "boundary_iou": ("boundary IoU", 1, 4),
    "sad": ("SAD, 10³", 1, 3),
    "mse": ("MSE, 10⁻³", 1000, 3),
    "gradient": ("gradient error, 10³", 1, 3),
    "connectivity": ("connectivity error, 10³", 1, 3),
    "lost": ("missing of the product, %", 100, 2),
    "taken_along": ("matte that is not product, %", 100, 2),
    "largest_lost": ("largest missing part, % of the product", 100, 2),
}
"""Each metric's name for people, its factor, and its number of decimals."""


def _figures() -> Iterator[tuple[str, _Of]]:
    yield "images", lambda rows, _: str(len(rows))
    yield "missed (IoU < ½)", lambda rows, _: _missed(rows)
    yield f"losing more than {LOST_SHARE:.0%} of their area", lambda rows, _: _losing(rows)
    for metric in METRICS:
        if metric == "max_f":
            yield "max F, of mean precision and recall", lambda _, curves: f"{_max_f(curves):.4f}"
            yield "max F, of the mean curve", lambda _, curves: f"{curves.f.max():.4f}"
        elif metric == "max_e":
            yield "max E, of the mean curve", lambda _, curves: f"{curves.e.max():.4f}"
        else:
            yield SHOWN[metric][0], _of(metric)
    yield "ground in holes that shows, %", _opened
    yield "CPU ms", _time


_FIGURES: dict[str, _Of] = dict(_figures())
_EMPTY: dict[str, _Of] = {
    "scenes without a product": lambda rows, _: str(len(rows)),
    "mean matte": lambda rows, _: f"{_mean(rows, lambda row: row.mean):.4f}",
    "largest mean matte": lambda rows, _: f"{max(row.mean for row in rows):.4f}",
    f"taken for a product (≥ {TAKEN_SHARE:.0%} at ½)": lambda rows, _: _taken(rows),
    "CPU ms": _time,
}
