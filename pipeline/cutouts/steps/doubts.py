"""The probability that each mask of a delivery is bad, the main reason against each mask that is probably bad, and what
the site's promise lets through."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.calibration import Calibration, terms
from cutouts.core.decisions import AppliedPromise, PromiseLimit
from cutouts.core.errors import GateError
from cutouts.core.gate import Judgement
from cutouts.core.promise import kept_promise, limits
from cutouts.core.text.display import command

_LIKELY = 0.5
"""Above this probability, a person is shown the main reason against the mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """The doubts about the masks in `metrics`: `p_bad`, float32 (n,) and null without a calibration, and its version.

    `categories` has the columns `image_id` and `category` of every image of the delivery.
    """

    metrics: pa.Table
    calibration: Calibration | None
    categories: pa.Table
    p_bad: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "p_bad", p_bad_of(self.metrics, self.calibration))

    @property
    def version(self) -> str | None:
        """The calibration's version; None without one."""
        return None if self.calibration is None else self.calibration.version

    @property
    def category(self) -> pa.ChunkedArray:
        """The category of each mask, null if the manifest states none."""
        at = pc.index_in(self.metrics.column("image_id"), value_set=self.categories.column("image_id"))
        return self.categories.column("category").take(at)

    def judged(self) -> pa.Table:
        """The metrics with `p_bad` and `category` as additional columns."""
        return self.metrics.append_column("p_bad", self.p_bad).append_column("category", self.category)

    def promised(
        self, judgement: Judgement, limits: Sequence[PromiseLimit], share: float | None
    ) -> tuple[Judgement, AppliedPromise | None]:
        """The judgement under the site's promise, and how it applied; unchanged if there is none."""
        return (judgement, None) if share is None else kept_promise(judgement, self.judged(), limits, share)

    def reasons(self) -> dict[str, str]:
        """The main reason against each mask that is probably bad, in words, by image id."""
        if self.calibration is None:
            return {}
        likely = self.metrics.filter(pc.greater(self.p_bad, _LIKELY))
        return dict(zip(likely.column("image_id").to_pylist(), self.calibration.reasons(terms(likely)), strict=True))


def categories_of(images: pa.Table, some: Collection[str]) -> dict[str, str | None]:
    """The category of `some` images of a delivery, by image id."""
    its = images.filter(pc.is_in(images.column("image_id"), value_set=pa.array(some, pa.string())))
    return dict(zip(its.column("image_id").to_pylist(), its.column("category").to_pylist(), strict=True))


def promise_limits(
    share: float | None, calibration: Calibration | None, matte_digest: str, network: str
) -> tuple[PromiseLimit, ...]:
    """What may be published under the promise `share`; empty if there is none. Raises GateError if the calibration
    cannot carry the promise."""
    if share is None:
        return ()
    if calibration is None:
        raise GateError(_uncalibrated(network, f"set no promise (it is {share:g})"))
    return limits([one for one in calibration.checked if one.matte_digest == matte_digest], share)


def require_calibrated(calibration: Calibration | None, suite: Traversable, network: str) -> None:
    """Raise GateError if the suite uses `p_bad` and the network is not calibrated, before hours of work are spent."""
    if calibration is None and json.dumps("p_bad") in suite.read_text(encoding="utf-8"):
        raise GateError(_uncalibrated(network, "set mask_quality to expectations without p_bad"))


def _uncalibrated(network: str, otherwise: str) -> str:
    how = command("cutouts", "gate", "calibrate", "--network", network, "--images", "FOLDER", "--truth", "FOLDER")
    return (
        f"the gate is not calibrated for the network {network!r}. Calibrate it with images whose mattes are known: "
        f"{how}; or {otherwise}"
    )


def p_bad_of(metrics: pa.Table, calibration: Calibration | None) -> pa.Array:
    """The probability that each mask is bad, float32 (n,), from its measurements; null without a calibration."""
    if calibration is None:
        return pa.nulls(metrics.num_rows, pa.float32())
    return pa.array(calibration.probabilities(terms(metrics)).astype(np.float32))
