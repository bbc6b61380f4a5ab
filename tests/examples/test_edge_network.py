"""examples/edge_network trains the network that the package computes, if PyTorch is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutouts.core.matting import edge_network
from cutouts.core.matting.edge_network import CHANNELS, DILATIONS, EdgeNetwork, Layer, changes
from cutouts.core.matting.matte import SURE_INSIDE, SURE_OUTSIDE

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")

from examples.edge_network.network import Edges, export, loss  # noqa: E402  (needs PyTorch)


def network() -> Edges:
    """The network with random weights in each layer."""
    torch.manual_seed(3)
    edges = Edges()
    torch.nn.init.normal_(edges.head.weight)
    return edges


def tiles(count: int) -> Any:
    """Tiles whose true matte is the saliency's half, everywhere a site, on a background that is known."""
    planes = np.random.default_rng(1).random((count, CHANNELS + 2, 96, 96)).astype(np.float32)
    planes[:, 8], planes[:, CHANNELS], planes[:, CHANNELS + 1] = 1, planes[:, 3] / 2, 1
    return torch.from_numpy(planes)


def test_what_is_exported_is_what_the_package_computes(tmp_path: Path) -> None:
    """A change of the matte there is a change of the saliency here, which the curve stretches to the matte."""
    edges = network()
    export(edges, tmp_path / "edges.npz")
    with np.load(tmp_path / "edges.npz") as arrays:
        layers = [Layer(kernel=arrays[f"kernel{at}"], bias=arrays[f"bias{at}"]) for at in range(2 + len(DILATIONS))]
    stored = EdgeNetwork(first=layers[0], body=tuple(layers[1:-1]), head=layers[-1])
    rng = np.random.default_rng(2)
    seen, where = rng.random((96, 96, CHANNELS), np.float32), np.zeros((96, 96), np.bool_)
    where[8:-8, 8:-8] = rng.random((80, 80)) < 0.5
    with torch.no_grad():
        change = edges(torch.from_numpy(np.moveaxis(seen, 2, 0).copy())[None], torch.from_numpy(where)[None, None])
    expected = change[0, 0].numpy()[where] * (SURE_INSIDE - SURE_OUTSIDE)
    np.testing.assert_allclose(changes(stored, seen, where), expected, atol=1e-4)


def test_training_makes_the_error_smaller() -> None:
    """The loss of a matte that is half of the saliency falls within some steps."""
    edges, batch = network(), tiles(4)
    optimiser = torch.optim.AdamW(edges.parameters(), lr=4e-3)
    values = []
    for _ in range(60):
        value = loss(edges, batch)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < 0.75 * values[0]


def test_the_shipped_network_has_the_trained_one_s_layers(tmp_path: Path) -> None:
    """The package reads what the example writes."""
    export(Edges(), tmp_path / "edges.npz")
    with np.load(tmp_path / "edges.npz") as arrays:
        sizes = [arrays[f"kernel{at}"].shape for at in range(2 + len(DILATIONS))]
    shipped = edge_network.shipped()
    layers = (shipped.first, *shipped.body, shipped.head)
    assert [one.kernel.shape for one in layers] == sizes
