"""Presence is settled on features that stand still; where PyTorch is installed."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")

from pipeline.training import loss, presence, sampler  # noqa: E402  (they import PyTorch)
from pipeline.training.cache import Albums  # noqa: E402
from pipeline.training.network import Network, normalised  # noqa: E402
from pipeline.training.schedule import Leg  # noqa: E402

SIZE, IMAGES = 64, 60


@pytest.fixture
def network(albums: Albums) -> Network:
    """A fresh network whose batch norm has seen some images, the same every time."""
    torch.manual_seed(0)
    fresh = Network()
    seen = normalised(torch.from_numpy(sampler.batch(albums, 0, 0, Leg(until=1.0, size=SIZE, batch=16)).images))
    for module in fresh.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        fresh(seen)
    fresh.eval()
    return fresh


def _cost(network: Network, albums: Albums) -> float:
    """The loss of presence on the images that it is settled on."""
    costs = []
    for step in range(IMAGES // presence.BATCH):
        leg = Leg(until=1.0, size=SIZE, batch=presence.BATCH)
        batch = sampler.batch(albums, 5, presence.FIRST_STEP + step, leg)
        with torch.no_grad():
            said = network(normalised(torch.from_numpy(batch.images))).presence.flatten()
        costs.append(float(loss.presence(said, torch.from_numpy(batch.alphas).amax((1, 2, 3)))))
    return sum(costs) / len(costs)


def test_presence_is_righter_after_it_is_settled(
    network: Network, albums: Albums, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the training's own loss, on the images that it was fitted on; a fresh network is not worth holding on to."""
    monkeypatch.setattr(presence, "PULL", 1e-6)
    before = _cost(network, albums)
    presence.settle(network, albums, 5, IMAGES, SIZE)
    assert _cost(network, albums) < 0.9 * before


def test_all_else_stands_still(network: Network, albums: Albums) -> None:
    """Only the weight and the bias of presence are other than they were."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    presence.settle(network, albums, 5, IMAGES, SIZE)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"decoder.presence.weight", "decoder.presence.bias"}


def test_what_training_found_holds(network: Network, albums: Albums, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pull beyond all measure the weight stays, so that few images cannot undo a training."""
    monkeypatch.setattr(presence, "PULL", 1e6)
    before = network.decoder.presence.weight.clone()
    presence.settle(network, albums, 5, IMAGES, SIZE)
    torch.testing.assert_close(network.decoder.presence.weight, before, atol=1e-4, rtol=1e-4)


def test_it_says_how_far_it_is(network: Network, albums: Albums) -> None:
    """Batch by batch, up to all images."""
    heard: list[int] = []
    presence.settle(network, albums, 5, IMAGES, SIZE, heard.append)
    assert sum(heard) == IMAGES
