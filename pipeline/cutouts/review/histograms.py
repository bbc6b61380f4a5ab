"""Distributions of the measurements of a delivery against those of accepted deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.core.config import Site
from cutouts.core.decisions import KEPT_BACK, LIVE
from cutouts.core.pixels import Doubles
from cutouts.core.text.files import text_of
from cutouts.report.page import histograms as page
from cutouts.report.page.histograms import SHOWN, Histogram, Values, finite, suite_thresholds
from cutouts.report.page.ranking import MEASURES
from cutouts.review.sheets import Sheet, UnknownDecisionError, open_sheet
from cutouts.schemas.tables import METRICS
from cutouts.steps.comparison import is_accepted
from cutouts.steps.ledger import recall
from cutouts.steps.networks import cut_by, recipes_in
from cutouts.steps.provenance import suite_text
from cutouts.steps.verdicts import suite_of

_ACCEPTED_DELIVERIES, _IMAGES = 5, 2_000
"""So many accepted deliveries are compared with, and of each delivery at most so many images."""

_Measures = dict[str, Doubles]
"""The finite values of each measurement."""


def histograms(site: Site, gate_id: str) -> tuple[Histogram, ...]:
    """A histogram for each measurement: this delivery's good and kept-back images, those of accepted deliveries, and
    the limits of the suite that judged it."""
    sheet = open_sheet(site, gate_id)
    accepted = _accepted(site, sheet)
    return _drawn(site, gate_id, tuple(accepted))


@lru_cache(maxsize=32)
def _drawn(site: Site, gate_id: str, accepted: tuple[str, ...]) -> tuple[Histogram, ...]:
    sheet, tables = open_sheet(site, gate_id), open_store(site.tables_url)
    waits = pc.is_in(sheet.outcomes.column("outcome"), pa.array(KEPT_BACK))
    kept_back = _values(tables, sheet.outcomes.filter(waits))
    good = _values(tables, _published(sheet))
    others = [open_sheet(site, one) for one in accepted]
    before = _joined([_values(tables, _published(one)) for one in others])
    limits = suite_thresholds(suite_text(tables, sheet.decision.suite) or text_of(suite_of(site).read_bytes()))
    values = {name: Values(good=good[name], kept_back=kept_back[name], accepted=before[name]) for name in SHOWN}
    return page.histograms(values, limits)


def _accepted(site: Site, sheet: Sheet) -> list[str]:
    """The decisions of the newest publications of other deliveries, whose tables are there."""
    with Catalog.open(site.catalog_url) as catalog:
        found = [one for one in catalog.last_publications(4 * _ACCEPTED_DELIVERIES) if is_accepted(one)]
    accepted: list[str] = []
    for one in found:
        if one.delivery != sheet.decision.delivery and len(accepted) < _ACCEPTED_DELIVERIES:
            try:
                open_sheet(site, one.gate_id)
            except UnknownDecisionError:  # its tables were removed
                continue
            accepted.append(one.gate_id)
    return accepted


def _published(sheet: Sheet) -> pa.Table:
    return sheet.outcomes.filter(pc.is_in(sheet.outcomes.column("outcome"), pa.array(LIVE)))


def _values(tables: Store, outcomes: pa.Table) -> _Measures:
    """The finite values of each measurement, of evenly chosen images."""
    if outcomes.num_rows > _IMAGES:
        outcomes = outcomes.take(pa.array(np.linspace(0, outcomes.num_rows - 1, _IMAGES).astype(np.int64)))
    found = [METRICS.empty_table()]
    for recipe in recipes_in(outcomes):
        asked = cut_by(outcomes, recipe).select(["image_id", "uri", "sha256"])
        found.append(recall(tables, recipe, asked.rename_columns(["image_id", "uri", "content"])).metrics)
    metrics = pa.concat_tables(found)
    values = {name: finite(metrics.column(name)) for name in MEASURES}
    return {"p_bad": finite(outcomes.column("p_bad")), **values}


def _joined(parts: Sequence[_Measures]) -> _Measures:
    return {name: np.concatenate([np.zeros(0), *(part[name] for part in parts)]) for name in SHOWN}
