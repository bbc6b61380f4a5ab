"""What people said about images, as masks to calibrate on, and a calibration before and after it learned from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.calibration import TERMS, Calibration, terms
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.pixels import Doubles
from cutouts.evaluation.calibration.fit import flags, refit, require_enough
from cutouts.metrics.witness import area_under_curve, area_under_risk_coverage, calibration_error
from cutouts.models.calibrations import find_calibration
from cutouts.schemas.tables import JUDGED_MASKS
from cutouts.stages import job_of
from cutouts.steps import reviewed_images

_SET = "reviews"
_FOLDS = 5


def reviewed_masks(site: Site) -> pa.Table:
    """`JUDGED_MASKS` of every image that a person released or rejected and that the site's network cut.

    Rows from before all measurements existed are left out.
    """
    digest = job_of(site).recipe.digests.matte_digest
    found = reviewed_images(site)
    complete = pc.equal(found.column("matte_digest"), digest)
    for name in TERMS:
        complete = pc.and_(complete, pc.is_valid(found.column(name)))
    rows = found.filter(complete)
    constant = {"images": _SET, "network": site.model}
    columns = {
        **{name: rows.column(name) for name in rows.column_names if name in JUDGED_MASKS.names},
        **{name: pa.repeat(pa.scalar(value), rows.num_rows) for name, value in constant.items()},
        "name": pc.binary_join_element_wise(rows.column("delivery_id"), rows.column("image_id"), "/"),
        **{name: pa.nulls(rows.num_rows, pa.float32()) for name in ("unsure", "unstable")},
    }
    return pa.table({name: columns[name] for name in JUDGED_MASKS.names}).cast(JUDGED_MASKS)


def learned(site: Site, masks: pa.Table) -> tuple[Calibration, Calibration]:
    """The site's calibration, and what it becomes with `masks`. Raises ConfigError if there is none, or too little."""
    old = find_calibration(job_of(site).recipe.digests.matte_digest, site.models)
    if old is None:
        raise ConfigError(
            f"the network {site.model!r} has no calibration that could learn from reviews",
            ["calibrate it first, with --images and --truth"],
        )
    require_enough(masks)
    return old, refit(old, masks)


def side_by_side(old: Calibration, masks: pa.Table) -> Iterator[str]:
    """Both on the reviewed masks, in Markdown. The new one says of each mask what it says without its fifth of them."""
    bad = flags(masks)
    yield f"{len(bad)} reviewed masks, {int(bad.sum())} of them rejected."
    yield ""
    yield "| calibration | AUROC | AURC | calibration error | mean p_bad | rejected |"
    yield "|---|---|---|---|---|---|"
    for name, said in (("old", old.probabilities(terms(masks))), ("new", _crossed(old, masks))):
        auroc, aurc = area_under_curve(bad, said), area_under_risk_coverage(bad, said)
        error = calibration_error(bad, said)
        yield f"| {name} | {auroc:.3f} | {aurc:.3f} | {error:.3f} | {said.mean():.0%} | {bad.mean():.0%} |"


def _crossed(old: Calibration, masks: pa.Table) -> Doubles:
    said = np.zeros(masks.num_rows)
    fold = np.arange(masks.num_rows) % _FOLDS
    for at in range(_FOLDS):
        rest, its = (masks.filter(pa.array(chosen)) for chosen in (fold != at, fold == at))
        said[fold == at] = refit(old, rest).probabilities(terms(its))
    return said
