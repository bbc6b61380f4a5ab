"""Which images are on the contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from cutouts.core.decisions import Outcome
from cutouts.report import Report
from cutouts.report.page.ranking import ContactSheet, choose, with_metrics, worst_first
from tests.report.conftest import Shown

Make = Callable[[Sequence[Shown]], Report]


def _sheet(report: Report, *, worst: int = 3, sampled: int = 4) -> ContactSheet:
    order = worst_first(report.images, with_metrics(report.images, report.metrics))
    return choose(order, report.images, worst=worst, sampled=sampled)


def test_the_sheet_has_the_worst_and_a_sample_of_the_rest(make_report: Make) -> None:
    """No image is there twice, and the others are counted."""
    report = make_report([Shown(source=f"{n}.jpg", peak=0.5 + n / 100) for n in range(20)])
    sheet = _sheet(report)
    assert sheet.worst == (0, 1, 2)
    assert len(set(sheet.sample)) == 4
    assert set(sheet.sample).isdisjoint(sheet.worst)
    assert sheet.left_out == 13


def test_the_sample_does_not_depend_on_the_order_of_the_images(make_report: Make) -> None:
    """The table may be in another order."""
    images = [Shown(source=f"{n}.jpg", peak=0.5 + n / 100) for n in range(20)]
    forth, back = make_report(images), make_report(images[::-1])
    drawn = [{report.images["source"][row].as_py() for row in _sheet(report).sample} for report in (forth, back)]
    assert drawn[0] == drawn[1]


def test_a_calibrated_probability_wins_over_the_rule_of_thumb(make_report: Make) -> None:
    """If `p_bad` is known, the images are ordered by it."""
    report = make_report([Shown(source="a.jpg", peak=0.99), Shown(source="b.jpg", peak=0.6)])
    column = report.images.schema.get_field_index("p_bad")
    images = report.images.set_column(column, "p_bad", pa.array([0.9, 0.1], pa.float32()))
    assert _sheet(replace(report, images=images)).worst == (0, 1)
    assert _sheet(report).worst == (1, 0)


def test_metrics_are_matched_across_deliveries_and_days(make_report: Make) -> None:
    """Equal ids in two deliveries or on two days are told apart."""
    twins = [
        Shown(source="a.jpg", delivery_id="one", peak=0.9),
        Shown(source="a.jpg", delivery_id="two", peak=0.7),
        Shown(source="a.jpg", delivery_id="two", peak=0.8, day=date(2026, 1, 3)),
    ]
    report = make_report(twins)
    measured = with_metrics(report.images, report.metrics.take([2, 0, 1]))
    assert measured["saliency_peak"].to_pylist() == pytest.approx([0.9, 0.7, 0.8])


def test_rejected_images_are_not_on_the_sheet(make_report: Make) -> None:
    """An unreadable file has nothing to show."""
    report = make_report([Shown(source="a.jpg", outcome=Outcome.REJECTED, reasons=("empty",), peak=None)])
    assert _sheet(report) == ContactSheet(worst=(), sample=(), left_out=0)
