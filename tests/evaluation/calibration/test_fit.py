"""Fitting and checking a calibration on masks that are good or bad by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from cutouts.core.calibration import terms
from cutouts.core.errors import ConfigError
from cutouts.evaluation.calibration.check import as_markdown, figures
from cutouts.evaluation.calibration.checked import checked_masks, promises
from cutouts.evaluation.calibration.fit import fit, flags, refit
from cutouts.evaluation.calibration.reliability_plot import reliability_svg
from cutouts.schemas.tables import JUDGED_MASKS

BASELINES = {"coverage": 0.3, "unsure": 0.1, "unstable": 0.1}
"""What a mask is compared by, without a calibration."""


def drawn(count: int, *, seed: int = 0, images: str = "set", share: float = 0.5) -> pa.Table:
    """Masks of which about `share` are bad; the network is less sure of the bad ones, with some overlap."""
    rng = np.random.default_rng(seed)
    bad = rng.random(count) < share
    rows = [
        {
            "images": images,
            "name": f"{images}-{number}",
            "network": "mine",
            "matte_digest": "0123456789abcdef",
            "bad": bool(one),
            "saliency_peak": 1.0,
            "saliency_doubt": float(np.exp(rng.normal(-2 if one else -4, 1))),
            "matte_doubt": 0.01,
            "worst_doubt": float(np.clip(rng.normal(0.6 if one else 0.4, 0.1), 0, 1)),
            "islands": 0.0,
            "thin": 0.2,
        }
        for number, one in enumerate(bad)
    ]
    return pa.Table.from_pylist(rows, schema=JUDGED_MASKS)


def test_a_calibration_holds_for_unseen_masks() -> None:
    """Bad masks are told from good ones, and the probabilities are about right."""
    calibration = fit(drawn(2_000))
    (everything, *_) = figures(calibration, drawn(2_000, seed=1))
    assert everything.auroc is not None
    assert everything.auroc > 0.95
    assert everything.calibration_error < 0.03
    assert calibration.networks == {"0123456789abcdef": "mine"}
    assert (calibration.images, calibration.bad) == (2_000, int(flags(drawn(2_000)).sum()))


def test_a_constant_measurement_has_no_weight() -> None:
    """It gives no NaN either."""
    calibration = fit(drawn(200))
    assert calibration.weights["matte_doubt"].weight == pytest.approx(0, abs=1e-3)
    assert np.isfinite(calibration.probabilities(terms(drawn(200)))).all()


def test_no_measurement_counts_the_wrong_way() -> None:
    """If the bad masks happen to have less doubt, the doubt gets no weight instead of excusing a mask."""
    rows = [row | {"saliency_doubt": 0.01 if row["bad"] else 0.2} for row in drawn(400).to_pylist()]
    misleading = pa.Table.from_pylist(rows, schema=JUDGED_MASKS)
    weights = {name: one.weight for name, one in fit(misleading).weights.items()}
    assert weights["saliency_doubt"] == 0
    assert weights["worst_doubt"] > 0
    assert refit(fit(drawn(400)), misleading).weights["saliency_doubt"].weight >= 0


def test_each_set_counts_equally_however_many_images_it_has() -> None:
    """A small set of good masks weighs as much as a large one of bad masks."""
    large, small = drawn(900, images="large", share=1.0), drawn(90, images="small", share=0.0)
    alike = fit(pa.concat_tables([large.slice(0, 90), small]))
    uneven = fit(pa.concat_tables([large, small]))
    seen = terms(drawn(400, seed=3))
    assert np.abs(alike.probabilities(seen) - uneven.probabilities(seen)).mean() < 0.05


def test_equal_masks_give_equal_calibrations_and_others_another_version() -> None:
    """The version names what it was fitted on."""
    assert fit(drawn(200)) == fit(drawn(200))
    assert fit(drawn(200)).version != fit(drawn(200, seed=1)).version


def test_too_few_bad_masks_are_refused_with_their_number() -> None:
    """A calibration fitted on ten of them would not be reliable."""
    masks = drawn(100, share=0.1)
    with pytest.raises(ConfigError, match=f"{flags(masks).sum()} bad and .* at least 20 of each"):
        fit(masks)


def test_figures_are_shown_by_network_and_set_with_gaps() -> None:
    """A set of bad masks alone does not show how many good ones would be held."""
    masks = pa.concat_tables([drawn(300), drawn(30, images="empty", share=1.0)])
    shown = as_markdown(fit(masks), masks)
    assert "| empty | 30 | 30 |  | 1.000 |  |" in shown
    assert "| mine | 330 |" in shown
    assert shown.splitlines()[0].endswith(f"{flags(masks).sum()} of them bad.")


def test_the_probability_is_compared_with_simpler_scores() -> None:
    """Soft Dice is measured on every mask; the others are left out for masks that were kept before they existed."""
    masks = drawn(300)
    told = as_markdown(fit(masks), masks)
    assert "| soft Dice |" in told
    assert "| mean confidence |" not in told
    rows = [row | BASELINES for row in masks.to_pylist()]
    told = as_markdown(fit(masks), pa.Table.from_pylist(rows, schema=JUDGED_MASKS))
    assert "| mean confidence | 0.500 |" in told
    assert "| area rule (below .5 % or above 98 %) | 0.500 |" in told


def test_the_diagram_shows_every_mask() -> None:
    """It is an SVG with the number of masks, and the same for the same masks."""
    masks = drawn(300)
    svg = reliability_svg(fit(masks), masks)
    assert svg.startswith(b"<?xml")
    assert b"300 masks" in svg
    assert svg == reliability_svg(fit(masks), masks)


def test_checked_masks_are_kept_rounded_up_by_network_and_category() -> None:
    """The limit of a promise lets the same masks through as their exact probabilities would."""
    masks = pa.concat_tables([drawn(400, share=0.2), drawn(100, seed=2, images="hat", share=0.2)])
    calibration = fit(masks)
    (whole,) = checked_masks(calibration, masks, by_category=False)
    assert (len(whole.good) + len(whole.bad), len(whole.bad)) == (500, int(flags(masks).sum()))
    exact = np.sort(calibration.probabilities(terms(masks)))
    kept = np.sort([*whole.good, *whole.bad])
    assert (kept >= exact - 1e-6).all()
    assert (kept - exact).max() < 1.1e-4
    by_category = checked_masks(calibration, masks, by_category=True)
    assert [one.category for one in by_category] == ["hat", "set"]
    assert any("mine" in line for line in promises(replace(calibration, checked=by_category)))


def test_a_calibration_learns_from_reviews_as_far_as_they_speak_against_it() -> None:
    """Of masks whose doubt means less than before, many move the probabilities, and a few hardly do."""
    old = fit(drawn(1_000))
    rows = [row | {"saliency_doubt": min(1.0, row["saliency_doubt"] * 4)} for row in drawn(600, seed=5).to_pylist()]
    softer = pa.Table.from_pylist(rows, schema=JUDGED_MASKS)
    bad = flags(softer).mean()

    def gap(masks: int) -> float:
        said = refit(old, softer.slice(0, masks)).probabilities(terms(softer))
        return abs(float(said.mean() - bad))

    before = abs(float(old.probabilities(terms(softer)).mean() - bad))
    assert gap(600) < 0.25 * before
    assert gap(600) < gap(4) < before + 1e-9
    assert refit(old, softer).version != old.version
