"""Checks how reliable a calibration is, on masks that it was not fitted on, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.calibration import Calibration, terms
from cutouts.core.pixels import Doubles, Mask
from cutouts.evaluation.calibration.checked import promises
from cutouts.evaluation.calibration.fit import flags
from cutouts.metrics.witness import area_under_curve, area_under_risk_coverage, calibration_error, caught

FALSE_ALARMS = 0.05
THRESHOLD = 0.5
BINS = 10
SMALLEST, LARGEST = 0.005, 0.98
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of a group of masks: the number of masks and of bad ones, and how well the probability separates them.
    `auroc`, `caught` and `interval` are None unless there are both good and bad masks."""

    about: str
    masks: int
    bad: int
    auroc: float | None
    aurc: float
    caught: float | None
    interval: tuple[float, float] | None
    calibration_error: float
    published_bad: float


def figures(calibration: Calibration, masks: pa.Table) -> list[Figures]:
    """The figures of all masks, of each network's masks, and of each set's masks."""
    groups = [("all", masks)]
    for column in ("network", "images"):
        names = sorted(set(masks.column(column).to_pylist()))
        groups += [(name, masks.filter(pc.equal(masks.column(column), name))) for name in names]
    return [_figures(about, calibration, some) for about, some in groups]


def as_markdown(calibration: Calibration, masks: pa.Table) -> str:
    """The figures, and a reliability table: for each range of probabilities, the share of bad masks."""
    lines = [
        f"Calibration {calibration.version}, fitted on {calibration.images} masks, {calibration.bad} of them bad.",
        "",
        "| masks | number | bad | AUROC | AURC | caught at 5 % false alarms | calibration error | bad below 50 % |",
        "|---|---|---|---|---|---|---|---|",
        *map(_line, figures(calibration, masks)),
        "",
        "| score | AUROC | AURC | caught at 5 % false alarms |",
        "|---|---|---|---|",
        *_compared(calibration, masks),
        "",
        "| said | masks | bad |",
        "|---|---|---|",
        *(
            f"| {mean:.0%} | {count} | {bad / count:.0%} |"
            for mean, count, bad in reliability(calibration.probabilities(terms(masks)), flags(masks))
        ),
        *(["", *promises(calibration)] if calibration.checked else []),
    ]
    return "\n".join(lines)


def _figures(about: str, calibration: Calibration, masks: pa.Table) -> Figures:
    bad, said = flags(masks), calibration.probabilities(terms(masks))
    both = bool(bad.any() and not bad.all())
    published = said <= THRESHOLD
    return Figures(
        about=about,
        masks=len(bad),
        bad=int(bad.sum()),
        auroc=area_under_curve(bad, said) if both else None,
        aurc=area_under_risk_coverage(bad, said),
        caught=caught(bad, said, false_alarms=FALSE_ALARMS) if both else None,
        interval=_interval(bad, said) if both else None,
        calibration_error=calibration_error(bad, said, BINS),
        published_bad=float(bad[published].mean()) if published.any() else 0.0,
    )


def _interval(bad: Mask, said: Doubles) -> tuple[float, float]:
    """The 95 % interval of the share caught, from resamples of the masks (bootstrap)."""
    rng = np.random.default_rng(0)
    picks = (rng.integers(0, len(bad), len(bad)) for _ in range(RESAMPLES))
    shares = [caught(bad[at], said[at], false_alarms=FALSE_ALARMS) for at in picks if 0 < bad[at].sum() < len(bad)]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def _line(one: Figures) -> str:
    auroc = "" if one.auroc is None else f"{one.auroc:.3f}"
    shares = "" if one.caught is None or one.interval is None else _share(one.caught, one.interval)
    error, published = f"{one.calibration_error:.3f}", f"{one.published_bad:.1%}"
    return f"| {one.about} | {one.masks} | {one.bad} | {auroc} | {one.aurc:.3f} | {shares} | {error} | {published} |"


def _compared(calibration: Calibration, masks: pa.Table) -> Iterator[str]:
    """p_bad beside simpler scores of the same masks, as far as these were measured."""
    bad = flags(masks)
    if bad.all() or not bad.any():
        return
    scores = {"p_bad": calibration.probabilities(terms(masks)), **_simple(masks)}
    for name, score in scores.items():
        shares = _share(caught(bad, score, false_alarms=FALSE_ALARMS), _interval(bad, score))
        auroc, aurc = area_under_curve(bad, score), area_under_risk_coverage(bad, score)
        yield f"| {name} | {auroc:.3f} | {aurc:.3f} | {shares} |"


def _simple(masks: pa.Table) -> dict[str, Doubles]:
    """Scores without a calibration, by name; a larger one speaks against a mask."""
    known = {name: masks.column(name).to_numpy().astype(np.float64) for name in ("coverage", "unsure", "unstable")}
    scores = {
        "mean confidence": known["unsure"],
        "soft Dice": masks.column("saliency_doubt").to_numpy().astype(np.float64),
        "stability between thresholds": known["unstable"],
        "area rule (below .5 % or above 98 %)": np.where(
            np.isnan(known["coverage"]), np.nan, (known["coverage"] < SMALLEST) | (known["coverage"] > LARGEST)
        ),
    }
    return {name: score for name, score in scores.items() if np.isfinite(score).all()}


def _share(share: float, interval: tuple[float, float]) -> str:
    return f"{share:.0%} ({interval[0]:.0%} to {interval[1]:.0%})"


def reliability(said: Doubles, bad: Mask) -> list[tuple[float, int, int]]:
    """For each tenth of the probabilities that occurs: the mean probability, the masks, and the bad ones among them."""
    place = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    groups = (place == at for at in range(BINS))
    return [(float(said[here].mean()), int(here.sum()), int(bad[here].sum())) for here in groups if here.any()]
