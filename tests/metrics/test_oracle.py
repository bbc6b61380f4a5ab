"""The metrics of salient object detection, compared with PySODMetrics, which the literature uses.

This oracle stretches each prediction to 0..1 and we never do, so every prediction that is not constant spans 0..255.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import py_sod_metrics
import pytest

from cutouts.core.pixels import Bytes
from cutouts.metrics import (
    curves,
    f_measure,
    intersection_over_union,
    judge,
    mean_absolute_error,
    precision_recall_f1,
    structure_measure,
    weighted_f_measure,
)
from tests.metrics.planes import noise, plane, product

EMPTY, FULL = np.zeros((40, 50), np.uint8), np.full((40, 50), 255, np.uint8)


def half(right: bool) -> Bytes:
    """Black and white halves."""
    picture = np.zeros((40, 50), np.uint8)
    picture[:, 25:] = 255 * right
    picture[:, :25] = 255 * (not right)
    return picture


PAIRS = {
    **{f"noise {seed}": noise(seed) for seed in range(6)},
    **{f"product {seed}": product(seed) for seed in range(8)},
    "equal": (half(True), half(True)),
    "inverted": (half(False), half(True)),
    "nothing said": (EMPTY, half(True)),
    "everything said": (FULL, half(True)),
    "empty truth": (half(True), EMPTY),
    "full truth": (half(True), FULL),
    "nothing said of nothing": (EMPTY, EMPTY),
    "everything said of everything": (FULL, FULL),
    "one pixel": (product(3)[0], np.eye(1, 150 * 190, 9000, dtype=np.uint8).reshape(150, 190) * 255),
}
EACH = pytest.mark.parametrize(("matte", "truth"), PAIRS.values(), ids=PAIRS)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The oracle warns about its newer class, and divides by empty parts of the plane."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@EACH
def test_the_error_matches_the_oracle(matte: Bytes, truth: Bytes) -> None:
    """It is the MAE."""
    oracle = py_sod_metrics.MAE()
    oracle.step(matte, truth)
    assert mean_absolute_error(plane(matte), plane(truth)) == pytest.approx(oracle.get_results()["mae"], abs=1e-7)


@pytest.mark.parametrize(
    ("matte", "truth"), [pair for name, pair in PAIRS.items() if not name.startswith(("nothing", "empty", "one"))]
)
def test_precision_recall_f1_and_iou_match_the_oracle(matte: Bytes, truth: Bytes) -> None:
    """They are compared at one half and for mattes that are not empty, because empty ones are defined differently."""
    handlers = {
        "precision": py_sod_metrics.PrecisionHandler(False, False, with_binary=True),
        "recall": py_sod_metrics.RecallHandler(False, False, with_binary=True),
        "f1": py_sod_metrics.FmeasureHandler(False, False, with_binary=True, beta=1),
        "iou": py_sod_metrics.IOUHandler(False, False, with_binary=True),
    }
    oracle = py_sod_metrics.FmeasureV2(metric_handlers=handlers)
    oracle.step(matte, truth)
    expected = [oracle.get_results()[name]["binary"] for name in handlers]
    ours = *precision_recall_f1(plane(matte), plane(truth)), intersection_over_union(plane(matte), plane(truth))
    assert ours == pytest.approx(expected, abs=1e-12)


@EACH
def test_f_at_each_threshold_matches_the_oracle(matte: Bytes, truth: Bytes) -> None:
    """Precision, recall and F agree for all 256 thresholds, and F at the adaptive one."""
    oracle = py_sod_metrics.Fmeasure()
    oracle.step(matte, truth)
    results, ours = oracle.get_results(), curves(plane(matte), plane(truth))
    np.testing.assert_allclose(ours.precision[::-1], results["pr"]["p"], atol=1e-12)
    np.testing.assert_allclose(ours.recall[::-1], results["pr"]["r"], atol=1e-12)
    np.testing.assert_allclose(ours.f[::-1], results["fm"]["curve"], atol=1e-12)
    assert ours.f[ours.adaptive] == pytest.approx(results["fm"]["adp"], abs=1e-12)


@EACH
def test_e_at_each_threshold_matches_the_oracle(matte: Bytes, truth: Bytes) -> None:
    """It agrees for all 256 thresholds and the adaptive one, also for empty and full truths."""
    oracle = py_sod_metrics.Emeasure()
    oracle.step(matte, truth)
    results, ours = oracle.get_results()["em"], curves(plane(matte), plane(truth))
    np.testing.assert_allclose(ours.e[::-1], results["curve"], atol=1e-12)
    assert ours.e[ours.adaptive] == pytest.approx(results["adp"], abs=1e-12)


@EACH
def test_s_matches_the_oracle(matte: Bytes, truth: Bytes) -> None:
    """This holds if the oracle has a value: it divides by empty parts if the middle is at the frame."""
    oracle = py_sod_metrics.Smeasure()
    oracle.step(matte, truth)
    assert structure_measure(plane(matte), plane(truth)) == pytest.approx(oracle.get_results()["sm"], abs=1e-6)


@EACH
def test_weighted_f_matches_the_oracle(matte: Bytes, truth: Bytes) -> None:
    """This includes the choice between equally near pixels."""
    oracle = py_sod_metrics.WeightedFmeasure()
    oracle.step(matte, truth)
    assert weighted_f_measure(plane(matte), plane(truth)) == pytest.approx(oracle.get_results()["wfm"], abs=2e-6)


def test_a_data_set_is_averaged_as_by_the_oracle() -> None:
    """The mean curve of all images gives the same maxima and means, by F and by precision and recall."""
    pairs = [product(seed) for seed in range(5)]
    f, e = py_sod_metrics.Fmeasure(), py_sod_metrics.Emeasure()
    for matte, truth in pairs:
        f.step(matte, truth)
        e.step(matte, truth)
    ours = [judge(plane(matte), plane(truth))[1] for matte, truth in pairs]
    results = f.get_results()
    of_means = f_measure(np.mean([one.precision for one in ours], 0), np.mean([one.recall for one in ours], 0))
    assert np.mean([one.f for one in ours], 0).max() == pytest.approx(results["fm"]["curve"].max(), abs=1e-12)
    assert of_means.max() == pytest.approx(f_measure(results["pr"]["p"], results["pr"]["r"]).max(), abs=1e-12)
    assert np.mean([one.e for one in ours], 0).mean() == pytest.approx(e.get_results()["em"]["curve"].mean(), abs=1e-12)


def test_an_unsure_matte_is_not_stretched() -> None:
    """Half the confidence is worse by our metric and equal by the oracle's."""
    matte, truth = product(1)
    faint = plane(matte) / np.float32(2)
    oracle = py_sod_metrics.Smeasure()
    oracle.step(matte // 2 * 2, truth)
    oracle.step(matte // 2, truth)
    assert oracle.sms[0] == pytest.approx(oracle.sms[1], abs=1e-9)
    assert structure_measure(faint, plane(truth)) < structure_measure(plane(matte), plane(truth)) - 0.05
