"""What is measured: networks of the table and of files, our recipe, the bare network, and U²-Net as rembg runs it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.core.config import Site
from cutouts.core.errors import ModelError
from cutouts.core.pixels import Floats, Photograph
from cutouts.evaluation.contender_specs import parse
from cutouts.evaluation.contenders import Answer, open_contender
from cutouts.evaluation.image_sets import Case, Lost
from cutouts.metrics import mean_absolute_error
from tests.evaluation.networks import faint_like_u2net, half_red, picture, red_is_product
from tests.photographs import product

SITE = Site()


def answer(text: str, case: Case) -> Answer:
    """The output of the contender that is written so."""
    said = open_contender(parse(text), SITE)(case)
    assert isinstance(said, Answer)
    return said


def test_a_bare_network_is_run_at_its_own_size_and_enlarged(tmp_path: Path) -> None:
    """Its matte has the image's size, and away from the edge it is the network's output, however unsure."""
    case = half_red()
    said = answer(f"red={red_is_product(tmp_path / 'red.onnx', share=0.4)}:bare", case)
    assert said.matte.shape == case.truth.shape
    assert said.matte[:, 50:].min() == pytest.approx(0.4)
    assert said.matte[:, :10].max() == 0.0
    assert said.seconds is not None


def test_the_recipe_gives_the_published_matte(tmp_path: Path) -> None:
    """With refinement, the fixed curve and 8 bits it is closer than the bare network, whose edge is smeared."""
    case = half_red(height=80, width=120)
    file = red_is_product(tmp_path / "red.onnx")
    whole, bare = answer(f"red={file}", case).matte, answer(f"red={file}:bare", case).matte
    assert mean_absolute_error(whole, case.truth) < mean_absolute_error(bare, case.truth)
    assert (whole * 255 == np.rint(whole * 255)).all()


def test_a_network_of_the_table_is_the_one_that_a_run_uses(tmp_path: Path) -> None:
    """`default` gives the same matte as `cutouts cut --mask`."""
    from click.testing import CliRunner

    from cutouts.cli import cli

    source = product(tmp_path / "ball.png")
    assert CliRunner().invoke(cli, ["cut", str(source), "-o", str(tmp_path / "m.png"), "--mask"]).exit_code == 0
    image = cv2.imread(str(source), cv2.IMREAD_COLOR_RGB)
    cut = cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert cut is not None
    case = Case(name="ball", photograph=Photograph(rgb=np.asarray(image, np.uint8)), truth=_zeros(image.shape[:2]))
    np.testing.assert_array_equal(np.rint(answer("default", case).matte * 255), cut)


def test_rembg_stretches_every_output(tmp_path: Path) -> None:
    """Even a faint difference becomes 0 and 1, which users of rembg get and ours never do."""
    said = answer(f"faint={faint_like_u2net(tmp_path / 'faint.onnx')}:rembg", half_red())
    assert (said.matte.min(), said.matte.max()) == (0.0, 1.0)


def test_existing_mattes_are_only_read(tmp_path: Path) -> None:
    """They are found by the image's name; a missing or unsuitable one is a failure with its reason."""
    levels = np.tile(np.arange(60, dtype=np.uint8), (40, 1))
    picture(tmp_path / "shop" / "a.png", levels)
    picture(tmp_path / "small.png", levels[:30])
    made = open_contender(parse(f"theirs={tmp_path}"), SITE)
    said = made(half_red("shop/a"))
    assert isinstance(said, Answer)
    assert said.seconds is None
    np.testing.assert_allclose(said.matte * 255, levels, atol=1e-4)
    assert made(half_red("b")) == Lost(name="b", problem=f"it has no matte in {tmp_path}")
    small = made(half_red("small"))
    assert isinstance(small, Lost)
    assert small.problem == "its matte does not fit: it has 60×30 px, the image 60×40"


def test_unsuitable_networks_are_refused(tmp_path: Path) -> None:
    """They are a float network by its file alone, ours as rembg, and an unknown name."""
    ours, theirs = red_is_product(tmp_path / "red.onnx"), faint_like_u2net(tmp_path / "faint.onnx")
    with pytest.raises(ModelError, match=r"only a network that takes uint8 \[n, h, w, 3\]"):
        open_contender(parse(f"x={theirs}"), SITE)
    with pytest.raises(ModelError, match="rembg cannot run that"):
        open_contender(parse(f"x={ours}:rembg"), SITE)
    with pytest.raises(ModelError, match="unknown model 'nobody'"):
        open_contender(parse("nobody"), SITE)


def _zeros(shape: tuple[int, ...]) -> Floats:
    return np.zeros(shape, np.float32)
