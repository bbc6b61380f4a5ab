"""Metrics of a matte against its ground truth: pure functions of two float arrays of the same size.

Every function takes `matte` and `truth`, float32 of shape (H, W) in 0..1, and raises `ValueError` if they are empty, of
different shapes or not two-dimensional. `judge` computes all metrics at once.
"""

from cutouts.metrics.alpha_errors import (
    connectivity_error,
    gradient_error,
    mean_squared_error,
    sum_of_absolute_differences,
)
from cutouts.metrics.curves import Curves, curves, f_measure
from cutouts.metrics.lost_parts import largest_missing_part, lost_area, opened_holes, taken_along_area
from cutouts.metrics.overlap import (
    boundary_iou,
    intersection_over_union,
    mean_absolute_error,
    precision_recall_f1,
)
from cutouts.metrics.planes import THRESHOLD
from cutouts.metrics.scores import ERRORS, METRICS, Scores, judge
from cutouts.metrics.structure_measure import structure_measure
from cutouts.metrics.weighted_f_measure import weighted_f_measure

__all__ = [
    "ERRORS",
    "METRICS",
    "THRESHOLD",
    "Curves",
    "Scores",
    "boundary_iou",
    "connectivity_error",
    "curves",
    "f_measure",
    "gradient_error",
    "intersection_over_union",
    "judge",
    "largest_missing_part",
    "lost_area",
    "mean_absolute_error",
    "mean_squared_error",
    "opened_holes",
    "precision_recall_f1",
    "structure_measure",
    "sum_of_absolute_differences",
    "taken_along_area",
    "weighted_f_measure",
]
