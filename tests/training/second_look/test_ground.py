"""The estimated background behind a product, if PyTorch is installed."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")

from cutouts.training.second_look.ground import Estimate  # noqa: E402  (it imports PyTorch)

SIZE = 256


def _shaded() -> Any:
    """A wall with fading light and a little noise, (1, 3, 256, 256) in 0..1."""
    torch.manual_seed(0)
    at = torch.linspace(-1, 1, SIZE)
    light = 0.7 - 0.1 * at[None, :] - 0.08 * at[:, None] ** 2 + 0.05 * at[None, :] ** 3
    return light.expand(1, 3, SIZE, SIZE) * torch.tensor([1.0, 0.98, 0.94])[None, :, None, None] + 0.004 * torch.randn(
        1, 3, SIZE, SIZE
    )


def _nothing() -> Any:
    return torch.zeros(1, 1, SIZE, SIZE)


def test_a_shaded_wall_is_its_own_background() -> None:
    """They agree within its noise everywhere, and the estimate is trusted."""
    wall = _shaded()
    ground = Estimate()(wall, _nothing())
    assert float((ground.colour - wall).abs().mean()) < 0.006
    assert float(ground.trust) == 1.0
    assert float(ground.noise) < 0.01


@pytest.mark.parametrize("seen", [True, False])
def test_an_undetected_product_does_not_change_the_background(seen: bool) -> None:
    """A dark box is excluded by saliency or by the robust fit, and the wall continues behind it."""
    wall, saliency = _shaded(), _nothing()
    image = wall.clone()
    image[:, :, 90:190, 70:170] = 0.2
    if seen:
        saliency[:, :, 90:190, 70:170] = 1
    ground = Estimate()(image, saliency)
    assert float((ground.colour - wall)[:, :, 90:190, 70:170].abs().max()) < 0.03
    assert float(ground.trust) > 0.9


def test_a_busy_scene_has_no_trusted_background() -> None:
    """No smooth field explains it."""
    torch.manual_seed(0)
    scene = torch.rand(1, 3, 16, 16).repeat_interleave(SIZE // 16, 2).repeat_interleave(SIZE // 16, 3)
    assert float(Estimate()(scene, _nothing()).trust) == 0.0


def test_images_of_a_batch_are_estimated_independently() -> None:
    """A neighbour changes nothing."""
    wall, dark = _shaded(), 0.2 * torch.ones(1, 3, SIZE, SIZE)
    both = Estimate()(torch.cat([wall, dark]), torch.cat([_nothing(), _nothing()]))
    torch.testing.assert_close(both.colour[:1], Estimate()(wall, _nothing()).colour)
