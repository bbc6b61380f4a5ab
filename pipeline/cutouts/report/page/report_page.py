"""`report.html`: one file that opens offline, without a request to anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment
from markupsafe import Markup

from cutouts.adapters.storage.ownership import write_ours
from cutouts.core.decisions import KEPT_BACK
from cutouts.report.contents import Report
from cutouts.report.html.content_security import sealed
from cutouts.report.html.number_format import clock, number, share
from cutouts.report.html.templates import templates
from cutouts.report.page.histograms import SHOWN, Histogram, Values, finite, histograms
from cutouts.report.page.image_cards import make_cards
from cutouts.report.page.lists import noted_rows, rejected_rows, returned_rows, verdicts, why
from cutouts.report.page.ranking import choose, with_metrics, worst_first

LISTED = 20_000
"""Rows that a list of the page has at the most; `images.parquet` has them all."""


def write_report(path: Path, report: Report, *, read: Callable[[str], bytes]) -> None:
    """Write the report of a run to `path`, atomically.

    `read` gives a photograph's bytes for a value of the column `source` (OSError, StorageError or ImageRejected if
    it cannot: the picture is left out); cutouts and masks are read relative to the folder of `path`.
    """
    write_ours(path, render(report, folder=path.parent, read=read).encode("utf-8", "replace"))


def render(report: Report, *, folder: Path, read: Callable[[str], bytes]) -> str:
    """The page as text; `folder` is what the columns `cutout` and `mask` are relative to."""
    images = report.images.combine_chunks()
    measured = with_metrics(images, report.metrics)
    order = worst_first(images, measured)
    sheet = choose(order, images)
    cards = make_cards(report, measured, (*sheet.worst, *sheet.sample), folder=folder, read=read)
    kept_back, rejected = returned_rows(images, order), rejected_rows(images)
    return sealed(
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            summary=report.summary,
            verdicts=verdicts(report.decisions),
            why=why(images),
            worst=cards[: len(sheet.worst)],
            sample=cards[len(sheet.worst) :],
            left_out=sheet.left_out,
            plots=_histograms(measured, report.thresholds),
            truth=sorted(report.truth, key=lambda row: row.intersection_over_union),
            **_listed("kept_back", kept_back),
            **_listed("rejected", rejected),
            **_listed("noted", noted_rows(images)),
        )
    )


def _histograms(measured: pa.Table, limits: Mapping[str, tuple[float, ...]]) -> tuple[Histogram, ...]:
    """One for each measurement that any image has; `measured` is from `ranking.with_metrics`."""
    kept_back = pc.is_in(measured["outcome"], pa.array(KEPT_BACK))
    bad, good = measured.filter(kept_back), measured.filter(pc.invert(kept_back))
    values = {name: Values(good=finite(good[name]), kept_back=finite(bad[name])) for name in SHOWN}
    return histograms(values, limits)


def _listed(name: str, rows: Sequence[object]) -> dict[str, object]:
    return {name: rows[:LISTED], f"{name}_count": len(rows)}


@cache
def _environment() -> Environment:
    environment = templates("cutouts.report")
    environment.filters.update(number=number, share=share, clock=clock, svg=Markup)
    return environment
