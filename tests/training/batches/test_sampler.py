"""What the network is shown: the same images for the same step, correct alpha, and empty scenes without products."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cutouts.core.pixels import Bytes
from cutouts.training.batches import sampler
from cutouts.training.batches.schedule import Phase
from cutouts.training.data.cache import Dataset, Datasets, dataset
from cutouts.training.data.examples import Example
from cutouts.training.drawing.composite import Cutting, composite, edge_colour, merged, nothing, placed
from cutouts.training.drawing.scenes import empty_scene, repainted

SEEDS = range(12)
PHASE = Phase(until=1.0, size=64, batch=4)


def test_a_step_always_shows_the_same_images(datasets: Datasets) -> None:
    """Only seed and step count, so a resumed training sees what it would have seen."""
    first, again = (sampler.batch(datasets, 3, 7, PHASE) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_next_step_shows_other_images(datasets: Datasets) -> None:
    """Neighbouring steps share no image."""
    first, other = sampler.batch(datasets, 3, 7, PHASE), sampler.batch(datasets, 3, 8, PHASE)
    assert not any(np.array_equal(one, two) for one in first for two in other)


def test_a_batch_has_the_expected_shape(datasets: Datasets) -> None:
    """It is uint8 RGBA, NHWC, with the number and size that the phase asks for."""
    batch = sampler.batch(datasets, 0, 0, PHASE)
    assert batch.shape == (4, 64, 64, 4)
    assert batch.dtype == np.uint8


def _green(tmp_path: Path) -> Dataset:
    """One render whose background and product are all green."""
    rgba = np.full((80, 80, 4), (0, 220, 0, 0), np.uint8)
    rgba[20:60, 20:60, 3] = 255
    return dataset(tmp_path / "green", lambda: iter([Example(name="green", rgba=rgba)]))


def test_renders_are_shown_on_their_own_background(datasets: Datasets, tmp_path: Path) -> None:
    """They are about an eighth of all images, and without renders nothing is green on green."""

    def count(of: Datasets) -> int:
        shown = (sampler.sample(np.random.default_rng(seed), of, PHASE).astype(int) for seed in range(120))
        return sum(rgba[..., 3].max() == 255 and (rgba[..., 1] > rgba[..., 0] + 60).mean() > 0.9 for rgba in shown)

    assert 6 <= count(replace(datasets, rendered=_green(tmp_path))) <= 28
    assert count(datasets) == 0


def test_products_of_renders_are_placed_in_scenes(datasets: Datasets, tmp_path: Path) -> None:
    """Some of the products are the model's green, and without models none is."""
    model = replace(datasets, models=_green(tmp_path), garments=False, shapes=False)

    def green(rgba: Bytes) -> bool:
        inside = rgba[rgba[..., 3] == 255].astype(int)
        return bool(len(inside)) and bool((inside[:, 1] > 3 * inside[:, 0].clip(4)).mean() > 0.5)

    def count(of: Datasets) -> int:
        return sum(green(composite(np.random.default_rng(seed), of, 64)) for seed in range(40))

    assert count(model) > 5
    assert count(replace(model, models=None)) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_excluded_data_are_not_drawn(datasets: Datasets, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training without garments and shapes asks for none."""
    monkeypatch.setattr("cutouts.training.drawing.composite.garment", None)
    monkeypatch.setattr("cutouts.training.drawing.composite.shape", None)
    rgba = composite(np.random.default_rng(seed), replace(datasets, garments=False, shapes=False), 64)
    assert rgba[..., 3].max() > 100


def test_a_training_on_the_background_shows_no_photographs(datasets: Datasets, tmp_path: Path) -> None:
    """It has composites, a few empty scenes and, if available, renders, and the same images for the same step."""
    phase = Phase(until=1.0, size=64, batch=60)
    shown = sampler.grounded(replace(datasets, rendered=_green(tmp_path)), 0, 0, phase)
    assert shown.shape == (60, 64, 64, 4)
    empty = (shown[..., 3].reshape(60, -1).max(1) == 0).sum()
    on_green = ((shown[..., 1].astype(int) > shown[..., 0] + 60).mean((1, 2)) > 0.9).sum()
    assert 1 <= empty <= 12
    assert 9 <= on_green <= 30
    np.testing.assert_array_equal(sampler.grounded(datasets, 0, 1, PHASE), sampler.grounded(datasets, 0, 1, PHASE))


@pytest.mark.parametrize("seed", SEEDS)
def test_composites_hold_a_product(datasets: Datasets, seed: int) -> None:
    """The alpha of a composite is not empty, and the picture has the size of the canvas."""
    rgba = composite(np.random.default_rng(seed), datasets, 96)
    assert rgba.shape[2] == 4
    assert rgba[..., 3].max() > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_empty_scenes_have_no_alpha(datasets: Datasets, seed: int) -> None:
    """Their truth holds no product."""
    assert not nothing(np.random.default_rng(seed), datasets, 96)[..., 3].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_shelves_are_not_used_as_empty_scenes(datasets: Datasets, seed: int) -> None:
    """A shop shelf is full of products, and this one would show no green and no blue."""
    scene = empty_scene(np.random.default_rng(seed), datasets, 40, 40)
    assert scene[..., 1:].any()


def test_empty_scenes_also_come_from_photographs(datasets: Datasets) -> None:
    """A few hundred rooms are too few, so some scenes are the meadow beside a subject."""
    scenes = [empty_scene(np.random.default_rng(seed), datasets, 40, 40) for seed in range(40)]
    meadows = [scene for scene in scenes if scene[..., 1].min() > 1.5 * scene[..., 0].max() > 0]
    assert 2 <= len(meadows) <= 30


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recoloured_room_keeps_its_greyness(seed: int) -> None:
    """Channels are mixed and never added to: grey gets another brightness and no tint, and red fades."""
    scene = np.zeros((2, 1, 3), np.uint8)
    scene[0], scene[1] = 120, (200, 20, 20)
    grey, red = repainted(np.random.default_rng(seed), scene)[:, 0].astype(int)
    assert np.ptp(grey) <= 1
    assert 0 < grey[0] < 255
    assert red.tolist() != [200, 20, 20]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_product_cut_by_the_frame_stays_at_the_frame(seed: int) -> None:
    """A product cut below is at the lower edge and is not rotated."""
    box = np.full((70, 40, 4), 255, np.uint8)
    cutting = Cutting(rgba=box, sides=(False, True, False, False))
    layer = placed(np.random.default_rng(seed), cutting, 100, 100)
    assert layer[-1, :, 3].any()
    assert set(np.unique(layer[..., 3])) <= {0, 255}


def test_a_product_is_composited_with_the_over_operator() -> None:
    """Premultiplied colour plus the remaining scene: half of 200 over 100 is 150."""
    layer = np.full((1, 1, 4), (100, 100, 100, 128), np.uint8)
    scene = np.full((1, 1, 3), 100, np.float32)
    assert merged(scene, layer)[0, 0].tolist() == [150, 150, 150, 128]


def test_low_contrast_backgrounds_have_a_colour_of_the_rim() -> None:
    """The colour is not one of the inside."""
    product = np.full((64, 64, 4), (240, 240, 240, 255), np.uint8)
    product[12:52, 12:52, :3] = 10
    assert edge_colour(np.random.default_rng(0), product).tolist() == [240, 240, 240]
