"""Measures masks with known truth as the gate measures them, and judges whether each is bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from cutouts.adapters.model import Network, open_network
from cutouts.core.calibration import is_bad
from cutouts.core.config import Site
from cutouts.core.matting.looks import look_at, view_of
from cutouts.core.matting.matte import matte_of
from cutouts.core.matting.measurements import measure_look
from cutouts.evaluation.image_sets import Case, ImageSet, Lost
from cutouts.metrics.lost_parts import lost_area, taken_along_area
from cutouts.metrics.overlap import boundary_iou, intersection_over_union
from cutouts.schemas.tables import JUDGED_MASKS
from cutouts.stages import Job, job_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An open network of the model table."""

    name: str
    job: Job
    network: Network


def judged_masks(
    site: Site, sets: Sequence[ImageSet], networks: Sequence[str], *, on_case: Callable[[str, Case | Lost], None]
) -> pa.Table:
    """`JUDGED_MASKS` of every network on every usable image. `on_case` is called with the name of each image's set and
    the image, once it is measured or known to be unusable.

    Raises ModelError if a network is not in the table.
    """
    opened = [_open(site, name) for name in networks]
    rows = list(_rows(sets, opened, on_case))
    return pa.Table.from_pylist(rows, schema=JUDGED_MASKS)


def _open(site: Site, name: str) -> _Opened:
    job = job_of(site.model_copy(update={"model": name, "provider": "cpu"}))
    return _Opened(name=name, job=job, network=open_network(job.choice))


def _rows(
    sets: Iterable[ImageSet], opened: Sequence[_Opened], on_case: Callable[[str, Case | Lost], None]
) -> Iterator[dict[str, object]]:
    for images, case in ((one.name, case) for one in sets for case in one.cases()):
        if isinstance(case, Case):
            for one in opened:
                yield {"images": images, **_row(one, case)}
        on_case(images, case)


def _row(one: _Opened, case: Case) -> dict[str, object]:
    recipe, photograph = one.job.recipe, case.photograph
    view = view_of(photograph, recipe.preprocessing)
    (look,) = look_at(one.network.saliency, [view], recipe.preprocessing)
    saliency, matte = look.saliency, matte_of(look, photograph)
    measured = measure_look(look, matte)
    plane = matte.astype(np.float32) / np.float32(255)
    bad = is_bad(
        iou=intersection_over_union(plane, case.truth),
        boundary_iou=boundary_iou(plane, case.truth),
        lost=lost_area(plane, case.truth),
        taken_along=taken_along_area(plane, case.truth),
        empty=not case.truth.any(),
    )
    return {
        "name": case.name,
        "network": one.name,
        "matte_digest": recipe.digests.matte_digest,
        "bad": bad,
        **asdict(measured),
        "unsure": float(np.minimum(saliency, 1 - saliency).mean()),
        "unstable": 1 - float((saliency >= 0.75).sum() + 1) / float((saliency >= 0.25).sum() + 1),
    }
