"""The probability that each mask of a delivery is bad, and the main reason against each mask that is probably bad."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.calibration import Calibration, terms
from cutouts.core.errors import GateError
from cutouts.core.text.display import command

_LIKELY = 0.5
"""Above this probability, a person is shown the main reason against the mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """The doubts about the masks in `metrics`: `p_bad`, float32 (n,) and null without a calibration, and its
    version."""

    metrics: pa.Table
    calibration: Calibration | None
    p_bad: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "p_bad", _p_bad(self.metrics, self.calibration))

    @property
    def version(self) -> str | None:
        """The calibration's version; None without one."""
        return None if self.calibration is None else self.calibration.version

    def judged(self) -> pa.Table:
        """The metrics with `p_bad` as an additional column."""
        return self.metrics.append_column("p_bad", self.p_bad)

    def reasons(self) -> dict[str, str]:
        """The main reason against each mask that is probably bad, in words, by image id."""
        if self.calibration is None:
            return {}
        likely = self.metrics.filter(pc.greater(self.p_bad, _LIKELY))
        return dict(zip(likely.column("image_id").to_pylist(), self.calibration.reasons(terms(likely)), strict=True))


def require_calibrated(calibration: Calibration | None, suite: Traversable, network: str) -> None:
    """Raise GateError if the suite uses `p_bad` and the network is not calibrated, before hours of work are spent."""
    if calibration is None and json.dumps("p_bad") in suite.read_text(encoding="utf-8"):
        how = command("cutouts", "calibrate", "--network", network, "--images", "FOLDER", "--truth", "FOLDER")
        raise GateError(
            f"the gate is not calibrated for the network {network!r}. Calibrate it with images whose mattes are known: "
            f"{how}; or set mask_quality to expectations without p_bad"
        )


def _p_bad(metrics: pa.Table, calibration: Calibration | None) -> pa.Array:
    if calibration is None:
        return pa.nulls(metrics.num_rows, pa.float32())
    return pa.array(calibration.probabilities(terms(metrics)).astype(np.float32))
