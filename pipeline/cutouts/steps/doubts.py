"""The probability that each mask of a delivery is bad, what speaks against each mask that is probably bad, and what the
site's promise lets through."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.calibration import Calibration, terms
from cutouts.core.decisions import AppliedPromise, PromiseLimit
from cutouts.core.errors import GateError
from cutouts.core.gate import Judgement
from cutouts.core.promise import joined_promises, kept_promise
from cutouts.core.text.counting import counted

_ROUNDING = 1e-3
_LIKELY = 0.5
"""Above this probability, a person is shown what speaks against the mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """The doubts about the masks in `metrics`: `p_bad`, float32 (n,) and null without a calibration, and its version.

    `calibrations` are those of the networks by their matte digest. `categories` has the columns `image_id` and
    `category` of every image of the delivery.
    """

    metrics: pa.Table
    calibrations: Mapping[str, Calibration | None]
    categories: pa.Table
    p_bad: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "p_bad", p_bad_of(self.metrics, self.calibrations))

    @property
    def versions(self) -> dict[str, str | None]:
        """The version of each network's calibration by its matte digest; None without one."""
        return {digest: None if one is None else one.version for digest, one in self.calibrations.items()}

    @property
    def version(self) -> pa.Array:
        """The version of the calibration that each p_bad is from, null without one."""
        known = self.versions
        at = pc.index_in(self.metrics.column("matte_digest"), value_set=pa.array([*known], pa.string()))
        return pa.array([*known.values()], pa.string()).take(at.combine_chunks())

    @property
    def category(self) -> pa.ChunkedArray:
        """The category of each mask, null if the manifest states none."""
        at = pc.index_in(self.metrics.column("image_id"), value_set=self.categories.column("image_id"))
        return self.categories.column("category").take(at)

    def judged(self) -> pa.Table:
        """The metrics with `p_bad` and `category` as additional columns."""
        return self.metrics.append_column("p_bad", self.p_bad).append_column("category", self.category)

    def promised(
        self, judgement: Judgement, limits: Mapping[str, Sequence[PromiseLimit]], share: float | None
    ) -> tuple[Judgement, AppliedPromise | None]:
        """The judgement under the site's promise, which has `limits` for each matte digest, and how it applied;
        unchanged if there is none."""
        if share is None:
            return judgement, None
        judged, applied = self.judged(), []
        for digest, own in limits.items():
            masks = judged if len(limits) == 1 else judged.filter(pc.equal(judged.column("matte_digest"), digest))
            judgement, promise = kept_promise(judgement, masks, own, share)
            applied.append(promise)
        return judgement, joined_promises(applied)

    def reasons(self) -> dict[str, tuple[str, ...]]:
        """What speaks most against each mask that is probably bad, in words, by image id."""
        likely = self.metrics.filter(pc.fill_null(pc.greater(self.p_bad, _LIKELY), fill_value=False))
        found: dict[str, tuple[str, ...]] = {}
        for digest, calibration in self.calibrations.items():
            its = likely.filter(pc.equal(likely.column("matte_digest"), digest))
            if calibration is not None and its.num_rows:
                found |= dict(zip(its.column("image_id").to_pylist(), calibration.reasons(terms(its)), strict=True))
        return found


def categories_of(images: pa.Table, some: Collection[str]) -> dict[str, str | None]:
    """The category of `some` images of a delivery, by image id."""
    its = images.filter(pc.is_in(images.column("image_id"), value_set=pa.array(some, pa.string())))
    return dict(zip(its.column("image_id").to_pylist(), its.column("category").to_pylist(), strict=True))


def p_bad_of(metrics: pa.Table, calibrations: Mapping[str, Calibration | None]) -> pa.Array:
    """The probability that each mask is bad, float32 (n,), from its measurements and the calibration for its matte
    digest; null without one. Raises GateError if a measurement is beyond what it can be."""
    p_bad, known = np.zeros(metrics.num_rows, np.float32), np.zeros(metrics.num_rows, np.bool_)
    digests = metrics.column("matte_digest")
    for digest, calibration in calibrations.items():
        its = np.asarray(pc.equal(digests, digest).to_numpy(), np.bool_)
        if calibration is not None and its.any():
            mine = metrics if its.all() else metrics.filter(pa.array(its))
            _check_range(mine)
            p_bad[its] = calibration.probabilities(terms(mine)).astype(np.float32)
            known |= its
    return pa.array(p_bad, mask=~known)


def _check_range(metrics: pa.Table) -> None:
    """Raise GateError for measurements that are not from 0 to 1, as all are that p_bad is made of. Unknown ones pass:
    their p_bad is NaN, which no suite takes for a probability."""
    for name, values in terms(metrics).items():
        if wrong := int(((values < -_ROUNDING) | (values > 1 + _ROUNDING)).sum()):
            raise GateError(f"{name} of {counted(wrong, 'mask')} is not from 0 to 1: p_bad cannot be computed")
