"""Distributions of the measurements of a delivery against those of accepted deliveries, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.core.config import Site
from cutouts.core.decisions import Outcome
from cutouts.core.pixels import Doubles
from cutouts.core.records import RecipeDigests
from cutouts.core.text.counting import counted
from cutouts.core.text.files import text_of
from cutouts.report.page.plots import suite_thresholds
from cutouts.report.page.ranking import MEASURES
from cutouts.review.sheets import Sheet, UnknownDecisionError, open_sheet
from cutouts.schemas.tables import IMAGES, METRICS
from cutouts.steps.ledger import recall
from cutouts.steps.networks import RECIPE, cut_by
from cutouts.steps.provenance import suite_text
from cutouts.steps.reviews import WAITING
from cutouts.steps.verdicts import suite_of

_BINS = 30
_WIDTH, _HEIGHT, _BASE = 300, 96, 84
_ACCEPTED_DELIVERIES, _IMAGES = 5, 2_000
"""So many accepted deliveries are compared with, and of each delivery at most so many images."""

Values = dict[str, Doubles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One measurement: its title, what it is, the picture, and the same in words."""

    title: str
    about: str
    svg: Markup
    words: str


def histograms(site: Site, gate_id: str) -> tuple[Histogram, ...]:
    """A histogram for each measurement: this delivery's good and kept-back images, those of accepted deliveries, and
    the limits of the suite that judged it."""
    sheet = open_sheet(site, gate_id)
    accepted = _accepted(site, sheet)
    return _drawn(site, gate_id, tuple(accepted))


@lru_cache(maxsize=32)
def _drawn(site: Site, gate_id: str, accepted: tuple[str, ...]) -> tuple[Histogram, ...]:
    sheet, tables = open_sheet(site, gate_id), open_store(site.tables_url)
    waits = pc.is_in(sheet.outcomes.column("outcome"), pa.array([*map(str, WAITING)]))
    kept_back = _values(tables, sheet.outcomes.filter(waits))
    good = _values(tables, _published(sheet))
    others = [open_sheet(site, one) for one in accepted]
    before = _joined([_values(tables, _published(one)) for one in others])
    limits = suite_thresholds(suite_text(tables, sheet.decision.suite) or text_of(suite_of(site).read_bytes()))
    return tuple(
        _histogram(name, before[name], good[name], kept_back[name], limits.get(name, ()))
        for name in ("p_bad", *MEASURES)
        if good[name].size or kept_back[name].size
    )


def _accepted(site: Site, sheet: Sheet) -> list[str]:
    """The decisions of the newest publications, whose tables are there."""
    with Catalog.open(site.catalog_url) as catalog:
        found = [one.gate_id for one in catalog.last_publications(2 * _ACCEPTED_DELIVERIES)]
    accepted: list[str] = []
    for gate_id in found:
        if gate_id != sheet.decision.gate_id and len(accepted) < _ACCEPTED_DELIVERIES:
            try:
                open_sheet(site, gate_id)
            except UnknownDecisionError:  # rolled back, or its tables were removed
                continue
            accepted.append(gate_id)
    return accepted


def _published(sheet: Sheet) -> pa.Table:
    live = pa.array([str(Outcome.PUBLISHED), str(Outcome.SKIPPED)])
    return sheet.outcomes.filter(pc.is_in(sheet.outcomes.column("outcome"), live))


def _values(tables: Store, outcomes: pa.Table) -> Values:
    """The finite values of each measurement, of evenly chosen images."""
    if outcomes.num_rows > _IMAGES:
        outcomes = outcomes.take(pa.array(np.linspace(0, outcomes.num_rows - 1, _IMAGES).astype(np.int64)))
    found = [METRICS.empty_table()]
    for row in outcomes.select(RECIPE).group_by([*RECIPE]).aggregate([]).to_pylist():
        recipe = RecipeDigests(**row)
        asked = cut_by(outcomes, recipe).select(["image_id", "uri", "sha256"])
        found.append(recall(tables, recipe, asked.rename_columns(["image_id", "uri", "content"])).metrics)
    metrics = pa.concat_tables(found)
    values = {name: _finite(metrics.column(name)) for name in MEASURES}
    return {"p_bad": _finite(outcomes.column("p_bad")), **values}


def _finite(column: pa.ChunkedArray) -> Doubles:
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values[np.isfinite(values)], np.float64)


def _joined(parts: Sequence[Values]) -> Values:
    return {name: np.concatenate([np.zeros(0), *(part[name] for part in parts)]) for name in ("p_bad", *MEASURES)}


def _histogram(name: str, before: Doubles, good: Doubles, bad: Doubles, limits: tuple[float, ...]) -> Histogram:
    metadata = (IMAGES if name in IMAGES.names else METRICS).field(name).metadata
    edges = _edges(np.concatenate([before, good, bad]), limits)
    words = (
        f"this delivery: {counted(good.size + bad.size, 'image')}, median {np.median(np.concatenate([good, bad])):.3g}"
    )
    if before.size:
        words += f"; accepted: {counted(before.size, 'image')}, median {np.median(before):.3g}"
    return Histogram(
        title="Probability that it is bad" if name == "p_bad" else name.replace("_", " ").capitalize(),
        about=metadata[b"about"].decode(),
        svg=_svg(edges, before, good, bad, limits),
        words=words,
    )


def _edges(values: Doubles, limits: Sequence[float]) -> Doubles:
    low, high = min(0.0, float(values.min())), max(float(values.max()), *limits, 1e-3)
    return np.linspace(low, 1.0 if 0.3 < high <= 1 else high * 1.05, _BINS + 1)


def _svg(edges: Doubles, before: Doubles, good: Doubles, bad: Doubles, limits: Sequence[float]) -> Markup:
    """Accepted deliveries as an area, this delivery as bars; each as shares of its own images."""
    mine = max(1, good.size + bad.size)
    area = np.histogram(before, edges)[0] / max(1, before.size)
    fine, poor = (np.histogram(values, edges)[0] / mine for values in (good, bad))
    top = max(float(area.max()), float((fine + poor).max()), 1e-9)
    step = _WIDTH / _BINS
    bars = [
        _bar(index * step, step, float(fine[index]) / top, float(poor[index]) / top)
        for index in range(_BINS)
        if fine[index] or poor[index]
    ]
    points = " ".join(
        f"{x:.1f},{_BASE - _BASE * share / top:.1f}"
        for index, share in enumerate(area)
        for x in (index * step, (index + 1) * step)
    )
    span = float(edges[-1] - edges[0])
    lines = "".join(
        f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_BASE}"/>'
        for x in (_WIDTH * (limit - float(edges[0])) / span for limit in limits)
    )
    filled = f'<polygon class="accepted" points="0,{_BASE} {points} {_WIDTH},{_BASE}"/>' if before.size else ""
    ends = f'<text x="0" y="{_HEIGHT}">{edges[0]:.3g}</text><text x="{_WIDTH}" y="{_HEIGHT}">{edges[-1]:.3g}</text>'
    drawing = f"{filled}{''.join(bars)}{lines}{ends}"
    return Markup(f'<svg viewBox="0 -2 {_WIDTH} {_HEIGHT + 4}" aria-hidden="true">{drawing}</svg>')


def _bar(left: float, step: float, fine: float, poor: float) -> str:
    """This delivery's bar of one bin: kept-back images on top of good ones; few of them remain visible."""
    heights = [max(1.5, _BASE * share) if share else 0.0 for share in (fine, poor)]
    x, width = f"{left + step * 0.2:.1f}", f"{step * 0.6:.1f}"
    drawn, base = "", float(_BASE)
    for name, height in zip(("fine", "poor"), heights, strict=True):
        base -= height
        if height:
            drawn += f'<rect class="{name}" x="{x}" width="{width}" y="{base:.1f}" height="{height:.1f}"/>'
    return drawn
