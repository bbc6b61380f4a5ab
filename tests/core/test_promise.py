"""What may be published under a promise, and when a promise is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cutouts.core.confidence import CONFIDENCE, upper_bound
from cutouts.core.errors import GateError
from cutouts.core.gate import Judgement
from cutouts.core.promise import CheckedMasks, kept_promise, largest_limit, limits, smallest_promise

NOTHING = Judgement(outcomes=(), findings=(), holds=())


def checked(good: int, bad: int, *, category: str | None = None, spread: float = 0.2) -> CheckedMasks:
    """Good masks with p_bad below `spread`, and bad ones above .5."""
    return CheckedMasks(
        matte_digest="m",
        category=category,
        good=tuple(np.linspace(0, spread, good).tolist()),
        bad=tuple(np.linspace(0.5, 1, bad).tolist()),
    )


def measured(**p_bad: float | None) -> pa.Table:
    """Masks by id; the category is the id without its last letter, or null."""
    ids = list(p_bad)
    return pa.table({
        "image_id": ids,
        "p_bad": pa.array(list(p_bad.values()), pa.float32()),
        "category": pa.array([name[:-1] or None for name in ids], pa.string()),
    })  # fmt: skip


def test_a_limit_lies_where_the_bound_reaches_the_promise() -> None:
    """Every mask up to it is within the promise, and one mask more would not be."""
    masks = [checked(400, 50)]
    found = largest_limit(masks, 0.01)
    assert found is not None
    assert (found.kept, found.bad, found.masks) == (400, 0, 450)
    wider = largest_limit(masks, 0.05)
    assert wider is not None
    assert wider.p_bad > found.p_bad
    assert upper_bound(wider.bad, wider.kept, CONFIDENCE) <= 0.05
    assert upper_bound(wider.bad + 1, wider.kept + 1, CONFIDENCE) > 0.05


def test_a_promise_is_broken_by_chance_as_rarely_as_stated() -> None:
    """Over many calibrations drawn from one known source, the true share exceeds the promise in at most 5 % of them."""
    rng = np.random.default_rng(0)
    broken = made = 0
    for _ in range(300):
        p_bad = rng.random(600)
        bad = rng.random(600) < p_bad**2
        masks = CheckedMasks(matte_digest="m", category=None, good=tuple(p_bad[~bad]), bad=tuple(p_bad[bad]))
        if found := largest_limit([masks], 0.05):
            made += 1
            broken += found.p_bad**2 / 3 > 0.05  # the mean of p² below p
    assert made > 200
    assert broken / made <= 0.06


def test_too_few_masks_are_refused_with_the_smallest_possible_promise() -> None:
    """The named promise is possible, and a smaller one is not."""
    masks = [checked(200, 50)]
    with pytest.raises(GateError, match=r"promise = 0.01 cannot be kept: it needs at least 299 .* is 0\.0149"):
        limits(masks, 0.01)
    assert smallest_promise(masks) == 0.0149
    assert limits(masks, 0.0149)[-1].kept == 200
    with pytest.raises(GateError):
        limits(masks, 0.0148)


@pytest.mark.parametrize("masks", [[], [checked(0, 400)]], ids=["no masks", "only bad masks"])
def test_nothing_is_promised_without_good_masks(masks: list[CheckedMasks]) -> None:
    """A calibration that was not checked carries no promise, nor does one whose surest masks are bad."""
    with pytest.raises(GateError, match="no promise is possible"):
        limits(masks, 0.5)


def test_ties_are_published_or_kept_back_together() -> None:
    """A limit cannot separate masks with the same p_bad, so none of 300 equal ones is let through if ten are bad."""
    masks = CheckedMasks(matte_digest="m", category=None, good=(0.1,) * 300, bad=(0.1,) * 10)
    assert largest_limit([masks], 0.01) is None
    assert smallest_promise([masks]) is None


def test_a_category_with_enough_masks_has_a_limit_of_its_own() -> None:
    """One with few masks shares the limit of all, and of one that cannot keep the promise nothing is published."""
    sharp, few = checked(400, 10, category="shoe"), checked(100, 5, category="hat", spread=0.1)
    hopeless = CheckedMasks(matte_digest="m", category="vase", good=(0.6,) * 200, bad=(0.6,) * 200)
    found = {one.category: one for one in limits([sharp, few, hopeless], 0.01)}
    assert list(found) == ["shoe", "vase", None]
    assert found["shoe"].p_bad > 0.2 * 0.99
    assert found["vase"].p_bad == 0.0
    masks = measured(shoea=0.15, vasea=0.15, hata=0.15, a=0.9)
    judged, applied = kept_promise(NOTHING, masks, list(found.values()), 0.01)
    assert [set(one.image_ids) for one in judged.findings] == [{"vasea"}, {"a"}]
    assert (applied.masks, applied.within) == (4, 2)
    assert [one.failing for one in judged.outcomes] == [0, 1, 1]


def test_a_mask_whose_probability_is_unknown_fails_the_promise() -> None:
    """Neither null nor NaN passes as sure."""
    for value in (None, float("nan")):
        with pytest.raises(GateError, match="p_bad is not known of 1 mask"):
            kept_promise(NOTHING, measured(a=0.1, b=value), limits([checked(400, 0)], 0.01), 0.01)
