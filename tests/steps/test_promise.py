"""A site that promises how many of its published masks are bad at most."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from cutouts.core.config import Site
from cutouts.core.decisions import Verdict
from cutouts.core.errors import GateError
from cutouts.core.promise import CheckedMasks
from cutouts.core.text.sentences import promise_sentence
from cutouts.models.calibrations import SHIPPED, SUFFIX, calibration_json, read_calibration
from cutouts.stages import job_of
from tests.photographs import product
from tests.steps.conftest import Refresh


@pytest.fixture
def calibrated(tmp_path: Path, site: Site) -> Site:
    """The site with the shipped calibration, but checked on 60 good masks between 0 and 1e-9 and no bad one."""
    digest = job_of(site).recipe.digests.matte_digest
    checked = CheckedMasks(matte_digest=digest, category=None, good=tuple(n * 1e-11 for n in range(60)), bad=())
    own = replace(read_calibration(files("cutouts.models") / SHIPPED), checked=(checked,))
    models = tmp_path / "models"
    models.mkdir()
    (models / f"own{SUFFIX}").write_bytes(calibration_json(own))
    return site.model_copy(update={"models": str(models)})


def test_what_is_not_sure_enough_is_quarantined_and_the_decision_says_so(
    calibrated: Site, refresh: Refresh, tmp_path: Path
) -> None:
    """Without a promise the same image is published. A promise is judged anew, and does not count the image as bad."""
    for seed in range(5):
        product(tmp_path / "shop" / f"{seed}.jpg", seed=seed)
    careful = calibrated.model_copy(update={"promise": 0.05, "root": str(tmp_path / "careful")})
    free, _ = refresh(calibrated, tmp_path / "shop")
    bound, _ = refresh(careful, tmp_path / "shop")
    assert (free.verdict, free.published, free.promise) == (Verdict.PUBLISH, 5, None)
    assert (bound.verdict, bound.quarantined) == (Verdict.PUBLISH_ALL_BUT_QUARANTINED, 5)
    assert "not sure enough for the promise that at most 5% of what is published is bad" in bound.reasons[0]
    assert bound.judged != free.judged
    assert bound.promise is not None
    assert (bound.promise.share, bound.promise.masks, bound.promise.within) == (0.05, 5, 0)
    assert list(promise_sentence(free)) == []
    assert "60 of 60 masks of the calibration, 0 of 5 masks of this delivery" in next(promise_sentence(bound))


def test_an_impossible_promise_is_refused_before_any_image_is_cut(
    calibrated: Site, refresh: Refresh, tmp_path: Path
) -> None:
    """Sixty masks are too few for one percent; planning says which promise is possible."""
    product(tmp_path / "shop" / "a.jpg")
    with pytest.raises(GateError, match=r"promise = 0\.01 cannot be kept(.|\n)* 0\.0488"):
        refresh(calibrated.model_copy(update={"promise": 0.01}), tmp_path / "shop")
