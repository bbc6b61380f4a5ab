"""Whether the gate is calibrated for a network, as its suite and the site's promise require."""

from __future__ import annotations

from cutouts.core.calibration import Calibration
from cutouts.core.config import Site
from cutouts.core.decisions import PromiseLimit
from cutouts.core.errors import GateError
from cutouts.core.promise import limits
from cutouts.core.records import RecipeDigests
from cutouts.core.text.display import command
from cutouts.models.calibrations import find_calibration
from cutouts.steps.verdicts import suite_of


def require_judged(site: Site, recipe: RecipeDigests) -> None:
    """Raise GateError if the gate cannot judge masks of the site's network, or cannot keep the site's promise. It is
    called before hours of work are spent."""
    calibration = find_calibration(recipe.matte_digest, site.models)
    if calibration is None and b'"p_bad"' in suite_of(site).read_bytes():
        raise GateError(_uncalibrated(site.model, "set mask_quality to expectations without p_bad"))
    promise_limits(site.promise, calibration, recipe.matte_digest, site.model)


def require_comparable(site: Site, recipe: RecipeDigests) -> None:
    """Raise GateError if masks of the site's network cannot be compared with others by their probability of being bad,
    whatever the suite needs."""
    if find_calibration(recipe.matte_digest, site.models) is None:
        without = command("cutouts", "backfill", "--stale", "--model", site.model)
        raise GateError(_uncalibrated(site.model, f"upgrade without comparing masks: {without}"))


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


def _uncalibrated(network: str, otherwise: str) -> str:
    how = command("cutouts", "gate", "calibrate", "--network", network, "--images", "FOLDER", "--truth", "FOLDER")
    return (
        f"the gate is not calibrated for the network {network!r}. Calibrate it with images whose mattes are known: "
        f"{how}; or {otherwise}"
    )
