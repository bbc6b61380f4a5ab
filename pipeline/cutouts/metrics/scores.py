"""Computes all metrics of one matte at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cutouts.core.pixels import Floats
from cutouts.metrics.alpha_errors import (
    connectivity_error,
    gradient_error,
    mean_squared_error,
    sum_of_absolute_differences,
)
from cutouts.metrics.curves import Curves, curves
from cutouts.metrics.lost_parts import largest_missing_part, lost_area, taken_along_area
from cutouts.metrics.overlap import boundary_iou, intersection_over_union, mean_absolute_error, precision_recall_f1
from cutouts.metrics.structure_measure import structure_measure
from cutouts.metrics.weighted_f_measure import weighted_f_measure

ERRORS = frozenset({"mae", "sad", "mse", "gradient", "connectivity", "lost", "taken_along", "largest_lost"})
"""Metrics for which smaller is better; for all others, larger is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The scores of one matte against its truth. The functions that compute them document units and directions.

    `max_f`, `mean_f`, `max_e` and `mean_e` are from this image's own curve; `precision`, `recall` and `f1` are at one
    half.
    """

    mae: float
    precision: float
    recall: float
    f1: float
    max_f: float
    mean_f: float
    adaptive_f: float
    s_measure: float
    max_e: float
    mean_e: float
    adaptive_e: float
    weighted_f: float
    iou: float
    boundary_iou: float
    sad: float
    mse: float
    gradient: float
    connectivity: float
    lost: float
    taken_along: float
    largest_lost: float


METRICS = tuple(field.name for field in fields(Scores))
"""The names of all metrics, in their order."""


def judge(matte: Floats, truth: Floats) -> tuple[Scores, Curves]:
    """All metrics of a matte, and its curves, which are averaged over a data set. Raises ValueError if the planes do
    not fit."""
    line = curves(matte, truth)
    precision, recall, f1 = precision_recall_f1(matte, truth)
    scores = Scores(
        mae=mean_absolute_error(matte, truth),
        precision=precision,
        recall=recall,
        f1=f1,
        max_f=float(line.f.max()),
        mean_f=float(line.f.mean()),
        adaptive_f=float(line.f[line.adaptive]),
        s_measure=structure_measure(matte, truth),
        max_e=float(line.e.max()),
        mean_e=float(line.e.mean()),
        adaptive_e=float(line.e[line.adaptive]),
        weighted_f=weighted_f_measure(matte, truth),
        iou=intersection_over_union(matte, truth),
        boundary_iou=boundary_iou(matte, truth),
        sad=sum_of_absolute_differences(matte, truth),
        mse=mean_squared_error(matte, truth),
        gradient=gradient_error(matte, truth),
        connectivity=connectivity_error(matte, truth),
        lost=lost_area(matte, truth),
        taken_along=taken_along_area(matte, truth),
        largest_lost=largest_missing_part(matte, truth),
    )
    return scores, line
