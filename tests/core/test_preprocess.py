"""What the network receives."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.preprocess import Preprocessing, crop_saliency, inner_box, network_input
from cutouts.core.pixels import Bytes, Floats, Photograph, shrink

STRETCH = Preprocessing(width_px=8, height_px=8, letterbox=False)
LETTERBOX = Preprocessing(width_px=8, height_px=8, letterbox=True)


def grey(width: int, height: int, value: int = 100) -> Photograph:
    """A photograph of one colour."""
    return Photograph(rgb=np.full((height, width, 3), value, np.uint8))


def test_alpha_is_composited_on_white() -> None:
    """Transparent parts are white, and half transparent ones half way."""
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:, 4:] = 128
    seen = network_input(Photograph(rgb=np.zeros((8, 8, 3), np.uint8), alpha=alpha), STRETCH)
    assert (seen[:, 0] == 255).all()
    assert (seen[:, 7] == 127).all()


def test_a_letterbox_keeps_the_proportions_and_is_removed_again() -> None:
    """The saliency of the bars is discarded."""
    seen = network_input(grey(16, 8), LETTERBOX)
    assert inner_box(16, 8, LETTERBOX) == (0, 2, 8, 4)
    assert (seen[:2] == 127).all()
    assert (seen[2:6] == 100).all()
    saliency = np.arange(64, dtype=np.float32).reshape(8, 8)
    assert (crop_saliency(saliency, 16, 8, LETTERBOX) == saliency[2:6]).all()
    assert crop_saliency(saliency, 16, 8, STRETCH).shape == (8, 8)


def test_normalisation_is_the_published_one() -> None:
    """It is (x / 255 − mean) / std, channels first; U²-Net divides by the image's own maximum instead."""
    from dataclasses import replace

    plain = replace(STRETCH, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    seen = network_input(grey(8, 8, 51), plain)
    assert seen.shape == (3, 8, 8)
    assert seen.dtype == np.float32
    assert seen[0, 0, 0] == pytest.approx((0.2 - 0.5) / 0.25)
    own = network_input(grey(8, 8, 51), replace(plain, divide_by_own_maximum=True))
    assert own[0, 0, 0] == pytest.approx(2.0)


def published(small: Bytes) -> Floats:
    """U²-Net's own normalisation of a resized image, after its paper's `ToTensorLab` and rembg's `normalize`.

    Both divide by the resized image's maximum, compute in double precision and round to single at the end.
    """
    image = small / max(float(np.max(small)), 1e-6)
    tensor = np.zeros((image.shape[0], image.shape[1], 3))
    tensor[:, :, 0] = (image[:, :, 0] - 0.485) / 0.229
    tensor[:, :, 1] = (image[:, :, 1] - 0.456) / 0.224
    tensor[:, :, 2] = (image[:, :, 2] - 0.406) / 0.225
    return tensor.transpose((2, 0, 1)).astype(np.float32)


@pytest.mark.parametrize("brightest", [0, 1, 97, 254, 255])
def test_the_u2net_family_receives_the_published_tensor_bit_for_bit(brightest: int) -> None:
    """Both normalise our resized image, whatever its brightest value."""
    rng = np.random.default_rng(brightest)
    photograph = Photograph(rgb=rng.integers(0, brightest + 1, (777, 513, 3)).astype(np.uint8))
    how = Preprocessing(
        width_px=320,
        height_px=320,
        letterbox=False,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        divide_by_own_maximum=True,
    )
    seen = network_input(photograph, how)
    expected = published(shrink(photograph.rgb, 320, 320))
    assert seen.dtype == expected.dtype == np.float32
    assert (seen == expected).all()


@pytest.mark.parametrize("space", ["bgr", "hsv", "lab"])
def test_the_row_chooses_the_colour_space(space: str) -> None:
    """Red is at a different position in each."""
    from dataclasses import replace

    red = Photograph(rgb=np.full((8, 8, 3), (255, 0, 0), np.uint8))
    seen = network_input(red, replace(STRETCH, colour_space=space))  # type: ignore[arg-type]
    expected = {"bgr": (0, 0, 255), "hsv": (0, 255, 255), "lab": (136, 208, 195)}[space]
    assert tuple(seen[0, 0]) == expected


def test_only_the_network_s_copy_is_denoised() -> None:
    """The photograph keeps its noise."""
    from dataclasses import replace

    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    photograph = Photograph(rgb=noise.copy())
    seen = network_input(photograph, replace(STRETCH, denoise_sigma=1.0))
    assert seen.std() < noise.std()
    assert (photograph.rgb == noise).all()


@pytest.mark.parametrize(("width", "height"), [(4096, 40), (40, 4096), (64, 48), (8, 8)])
def test_shrinking_keeps_the_mean_of_any_shape(width: int, height: int) -> None:
    """Long narrow photographs are averaged along each axis separately, so that fine stripes do not alias."""
    stripes = np.zeros((height, width, 3), np.uint8)
    stripes[::2, ::2] = 200
    small = shrink(stripes, 8, 8)
    assert small.shape == (8, 8, 3)
    assert abs(float(small.mean()) - float(stripes.mean())) < 12
