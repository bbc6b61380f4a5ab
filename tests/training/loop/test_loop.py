"""Training end to end on tiny images: it runs, stops, continues and draws, if PyTorch is installed."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")

from cutouts.training.batches.schedule import Budget, Phase  # noqa: E402
from cutouts.training.data.cache import Datasets  # noqa: E402
from cutouts.training.export.frozen import FrozenNetwork  # noqa: E402
from cutouts.training.loop import curve, loop  # noqa: E402
from cutouts.training.loop.options import TrainingOptions  # noqa: E402
from cutouts.training.loop.validation import Score  # noqa: E402
from cutouts.training.network import checkpoint  # noqa: E402
from cutouts.training.network.saliency import SaliencyNetwork, normalised  # noqa: E402

SIZE = 64
STEPS = 3
PHASE = Phase(until=1.0, size=SIZE, batch=2)


def _settings() -> TrainingOptions:
    """Three steps of two images at 64², without a time limit."""
    return TrainingOptions(budget=Budget(images=2 * STEPS, seconds=1e9), phases=(PHASE,))


def _unscored(network: SaliencyNetwork) -> Score:
    """A validation that takes no time."""
    return Score(mae=0.5, f=0.5)


def _start() -> SaliencyNetwork:
    """The same new network every time."""
    torch.manual_seed(0)
    return SaliencyNetwork()


def _trained(run: Path, datasets: Datasets, settings: TrainingOptions, stop: bool = False) -> None:
    """Train in the folder `run`; with `stop`, only one more step."""
    flag = threading.Event()
    if stop:
        flag.set()
    run.mkdir(exist_ok=True)
    loop.train(run, _start(), datasets, _unscored, settings, flag)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, datasets: Datasets) -> Path:
    """The folder of a completed training."""
    folder = tmp_path_factory.mktemp("run")
    _trained(folder, datasets, _settings())
    return folder


def test_a_training_ends_when_its_plan_is_used_up(run: Path) -> None:
    """There are three steps, six images, and a final validation in the log."""
    saved = checkpoint.load(run)
    assert saved is not None
    assert (saved[0].steps, saved[0].images) == (STEPS, 2 * STEPS)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["mae"] == 0.5


def test_a_stopped_training_reaches_the_same_result(tmp_path: Path, datasets: Datasets, run: Path) -> None:
    """It is stopped after every step and continued, and its weights agree to rounding."""
    for _ in range(STEPS):
        _trained(tmp_path / "pieces", datasets, _settings(), stop=True)
    whole, pieces = checkpoint.load(run), checkpoint.load(tmp_path / "pieces")
    assert whole is not None
    assert pieces is not None
    assert pieces[0].steps == STEPS
    for key, value in whole[1]["average"].items():
        torch.testing.assert_close(value, pieces[1]["average"][key], rtol=1e-3, atol=1e-4)


def test_frozen_blocks_keep_their_weights(run: Path) -> None:
    """The stem is unchanged and the last block is not."""
    saved = checkpoint.load(run)
    assert saved is not None
    before, after = _start().state_dict(), saved[1]["network"]
    assert torch.equal(before["encoder.stem.conv.weight"], after["encoder.stem.conv.weight"])
    assert not torch.equal(before["encoder.blocks.15.b.2.conv.weight"], after["encoder.blocks.15.b.2.conv.weight"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # from PyTorch's exporter
def test_if_only_presence_is_trained_every_mask_stays(tmp_path: Path, datasets: Datasets) -> None:
    """Masks and batch norm statistics are equal to the last bit, and every weight of presence has changed."""
    _trained(tmp_path / "run", datasets, replace(_settings(), only_presence=True))
    saved = checkpoint.load(tmp_path / "run")
    assert saved is not None
    before, after = _start().state_dict(), saved[1]["network"]
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert moved == {key for key in before if key.startswith("decoder.presence.")}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_presence_is_trained_on_the_network_s_own_planes() -> None:
    """ONNX Runtime gives the same planes as PyTorch, at any size."""
    network = _start().eval()
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = network.views(normalised(torch.from_numpy(images)))
    for plane, other in zip(FrozenNetwork(network, 1)(images), expected, strict=True):
        torch.testing.assert_close(plane, other, atol=1e-3, rtol=1e-3)


def test_the_curve_is_drawn_from_the_log(tmp_path: Path) -> None:
    """The picture is beside the log and shows its steps and validations."""
    rows: list[dict[str, float]] = [{"images": 20, "loss": 1.0}, {"images": 40, "loss": 0.5}]
    rows.append({"images": 40, "mae": 0.1, "f": 0.8})
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert curve.draw(tmp_path).read_bytes().startswith(b"\x89PNG")
