"""The shipped networks on real products: better than popular downloads, and hardly anything found in empty scenes.

The images are a part of the model card's sets, drawn by `cutouts composites` from products and scenes that none of our
trainings has seen. They are beside the repository, and the tests skip if they are missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cutouts.core.config import Site
from cutouts.evaluation.composites import Kind, Sources, composites, write_composites
from cutouts.evaluation.contender_specs import parse
from cutouts.evaluation.contenders import Answer, open_contender
from cutouts.evaluation.image_sets import Case, open_sets
from cutouts.evaluation.measure import Evaluation, MeasuredImage, evaluate
from cutouts.evaluation.summary import TAKEN_SHARE
from cutouts.samples import write_samples
from tests.real_weights import DATA

PRODUCTS, BACKGROUNDS = DATA / "products/products-test.parquet", DATA / "backgrounds/backgrounds-test.parquet"
WITH_PRODUCT: tuple[Kind, ...] = ("plain", "shaded", "busy")
OURS = ("default", "default:bare", "default-int8", "default-licensed")
IMAGES = 8
TAKEN = {"default:bare": 1, "default-int8": 2, "default-licensed": 0}
"""How many of 48 scenes without a product each network takes for one, as the model card says."""


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, u2netp_file: Path) -> Evaluation:
    """Every network on a few products of each kind."""
    contenders = (*OURS, f"u2netp={u2netp_file}:rembg")
    return _evaluate(tmp_path_factory.mktemp("products"), WITH_PRODUCT, IMAGES, contenders)


@pytest.fixture(scope="module")
def empty_scenes(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Our networks on every scene without a product; `default` finds what its bare network does."""
    return _evaluate(tmp_path_factory.mktemp("scenes"), ("empty",), None, tuple(TAKEN))


def _evaluate(folder: Path, kinds: tuple[Kind, ...], images: int | None, contenders: tuple[str, ...]) -> Evaluation:
    sources = Sources(products=PRODUCTS, backgrounds=BACKGROUNDS)
    for kind in kinds:
        write_composites(composites(sources, kind, images), folder / kind)
    networks = {spec.label: open_contender(spec, Site()) for spec in map(parse, contenders)}
    return evaluate(open_sets([folder / kind for kind in kinds], []), networks)


def _mean(rows: list[MeasuredImage], value: Callable[[MeasuredImage], float]) -> float:
    assert rows
    return float(np.mean([value(row) for row in rows]))


@pytest.mark.parametrize("kind", WITH_PRODUCT)
@pytest.mark.parametrize("network", ["default", "default:bare"])
def test_the_default_network_beats_u2netp_in_rembg(evaluation: Evaluation, network: str, kind: Kind) -> None:
    """It is better by overlap and boundary, bare and even more with our matte."""
    ours, theirs = evaluation.of(kind, network), evaluation.of(kind, "u2netp:rembg")
    assert _mean(ours, lambda row: row.scores.iou) > _mean(theirs, lambda row: row.scores.iou)
    assert _mean(ours, lambda row: row.scores.boundary_iou) > _mean(theirs, lambda row: row.scores.boundary_iou)


@pytest.mark.parametrize(
    ("network", "kind"),
    [pair for pair in itertools.product(("default", "default:bare"), WITH_PRODUCT) if pair != ("default:bare", "busy")],
)
def test_its_error_is_smaller_too(evaluation: Evaluation, network: str, kind: Kind) -> None:
    """By MAE; the bare network is level with theirs on busy scenes, within chance (see the card)."""
    ours, theirs = evaluation.of(kind, network), evaluation.of(kind, "u2netp:rembg")
    assert _mean(ours, lambda row: row.scores.mae) < _mean(theirs, lambda row: row.scores.mae)


@pytest.mark.parametrize("kind", WITH_PRODUCT)
def test_the_int8_network_is_as_good(evaluation: Evaluation, kind: Kind) -> None:
    """It is within 0.01 IoU of the network it was made from."""
    whole, twin = (_mean(evaluation.of(kind, one), lambda row: row.scores.iou) for one in ("default", "default-int8"))
    assert twin > whole - 0.01


@pytest.mark.parametrize("kind", WITH_PRODUCT)
def test_the_licensed_network_is_nearly_as_good(evaluation: Evaluation, kind: Kind) -> None:
    """It is within 0.02 IoU of the one that also learned from photographs without a stated licence."""
    ours, theirs = (evaluation.of(kind, network) for network in ("default", "default-licensed"))
    assert _mean(theirs, lambda row: row.scores.iou) > _mean(ours, lambda row: row.scores.iou) - 0.02


@pytest.mark.parametrize("network", TAKEN)
def test_an_empty_scene_is_hardly_ever_taken_for_a_product(empty_scenes: Evaluation, network: str) -> None:
    """The mean probability is at most 0.02, and no more of 48 scenes have a product (1 % of the pixels) than the card
    says."""
    rows = empty_scenes.of("empty", network)
    assert _mean(rows, lambda row: row.mean) <= 0.02
    assert len([row.name for row in rows if row.area >= TAKEN_SHARE]) <= TAKEN[network]


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The demo's bag on fine straps and its true matte."""
    folder = tmp_path_factory.mktemp("demo") / "samples"
    truth = write_samples(folder)
    cases = open_sets([folder], [truth])[0].cases()
    return next(case for case in cases if isinstance(case, Case) and case.name.endswith("bag-on-fine-straps"))


@pytest.mark.parametrize("network", OURS)
def test_thin_straps_are_kept(bag: Case, network: str) -> None:
    """Nine tenths of the bag's straps, four pixels wide to the network, are kept."""
    answer = open_contender(parse(network), Site())(bag)
    assert isinstance(answer, Answer)
    above = slice(0, bag.truth.shape[0] // 2)
    straps = bag.truth[above] > 0.5
    assert straps.mean() < 0.05
    assert (answer.matte[above] > 0.5)[straps].mean() > 0.9
