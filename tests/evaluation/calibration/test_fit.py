"""Fitting and checking a calibration, on masks whose badness is known by construction."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cutouts.core.errors import ConfigError
from cutouts.evaluation.calibration.check import as_markdown, figures
from cutouts.evaluation.calibration.fit import fit, flags, terms
from cutouts.schemas.tables import JUDGED_MASKS


def drawn(count: int, *, seed: int = 0, images: str = "set", share: float = 0.5) -> pa.Table:
    """Masks of which about `share` are bad; the network doubts the bad ones more, with some overlap."""
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


def test_what_was_learned_holds_for_masks_that_were_not_seen() -> None:
    """Bad ones are told from good ones, and what is said is about as often true."""
    calibration = fit(drawn(2_000))
    (everything, *_) = figures(calibration, drawn(2_000, seed=1))
    assert everything.auroc is not None
    assert everything.auroc > 0.95
    assert everything.calibration_error < 0.03
    assert calibration.networks == {"0123456789abcdef": "mine"}
    assert (calibration.images, calibration.bad) == (2_000, int(flags(drawn(2_000)).sum()))


def test_a_measurement_that_never_changes_has_no_weight() -> None:
    """Nor does it make a number that is none."""
    calibration = fit(drawn(200))
    assert calibration.weights["matte_doubt"].weight == pytest.approx(0, abs=1e-3)
    assert np.isfinite(calibration.probabilities(terms(drawn(200)))).all()


def test_each_set_counts_alike_however_many_images_it_has() -> None:
    """A small set of good masks pulls as much as a large one of bad masks."""
    large, small = drawn(900, images="large", share=1.0), drawn(90, images="small", share=0.0)
    alike = fit(pa.concat_tables([large.slice(0, 90), small]))
    uneven = fit(pa.concat_tables([large, small]))
    seen = terms(drawn(400, seed=3))
    assert np.abs(alike.probabilities(seen) - uneven.probabilities(seen)).mean() < 0.05


def test_the_same_masks_give_the_same_calibration_and_others_another_version() -> None:
    """The version names what it was fitted on."""
    assert fit(drawn(200)) == fit(drawn(200))
    assert fit(drawn(200)).version != fit(drawn(200, seed=1)).version


def test_too_few_bad_masks_are_refused_with_their_number() -> None:
    """A gate that was fitted on ten of them would be believed."""
    masks = drawn(100, share=0.1)
    with pytest.raises(ConfigError, match=f"{flags(masks).sum()} bad and .* at least 20 of each"):
        fit(masks)


def test_the_figures_are_shown_by_network_and_set_and_where_one_kind_is_missing_left_open() -> None:
    """Of a set of bad masks alone nobody can say how many good ones would be kept back."""
    masks = pa.concat_tables([drawn(300), drawn(30, images="empty", share=1.0)])
    shown = as_markdown(fit(masks), masks)
    assert "| empty | 30 | 30 |  |  |" in shown
    assert "| mine | 330 |" in shown
    assert shown.splitlines()[0].endswith(f"{flags(masks).sum()} of them bad.")
