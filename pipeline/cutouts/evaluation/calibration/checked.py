"""The masks that a calibration was checked on, as it keeps them, and what can be promised with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.calibration import Calibration, terms
from cutouts.core.promise import CheckedMasks, largest_limit, smallest_promise
from cutouts.evaluation.calibration.fit import flags

_GRID = 1e4
"""Probabilities are kept rounded up to a ten-thousandth: a limit on that grid lets the same masks through."""
PROMISES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


def checked_masks(calibration: Calibration, masks: pa.Table, *, by_category: bool) -> tuple[CheckedMasks, ...]:
    """What the calibration says of `masks` (`JUDGED_MASKS`), which it was not fitted on: one record per network, or per
    network and set if each set is named like a category."""
    keys = ["matte_digest", *(["images"] if by_category else [])]
    groups = masks.select(keys).group_by(keys).aggregate([]).sort_by([(name, "ascending") for name in keys])
    return tuple(_checked(calibration, masks, group) for group in groups.to_pylist())


def promises(calibration: Calibration) -> Iterator[str]:
    """A table in Markdown: for each network and promise, how large p_bad may be, and what share is published."""
    yield "| network | at most bad | p_bad up to | published | bad ones among these |"
    yield "|---|---|---|---|---|"
    for digest, name in calibration.networks.items():
        if masks := [one for one in calibration.checked if one.matte_digest == digest]:
            yield from _rows(name, masks)


def _checked(calibration: Calibration, masks: pa.Table, group: Mapping[str, str]) -> CheckedMasks:
    for name, value in group.items():
        masks = masks.filter(pc.equal(masks.column(name), value))
    bad = flags(masks)
    p_bad = np.ceil(calibration.probabilities(terms(masks)).astype(np.float32).astype(np.float64) * _GRID) / _GRID
    return CheckedMasks(
        matte_digest=group["matte_digest"],
        category=group.get("images"),
        good=tuple(sorted(p_bad[~bad].tolist())),
        bad=tuple(sorted(p_bad[bad].tolist())),
    )


def _rows(name: str, masks: Sequence[CheckedMasks]) -> Iterator[str]:
    smallest = smallest_promise(masks)
    if smallest is None:
        yield f"| {name} | no promise is possible | | | |"
        return
    for share in (smallest, *(one for one in PROMISES if one > smallest)):
        if limit := largest_limit(masks, share):
            part = f"{limit.kept / limit.masks:.0%} ({limit.kept} of {limit.masks})"
            yield f"| {name} | {share * 100:.3g} % | {limit.p_bad:.3f} | {part} | {limit.bad} |"
