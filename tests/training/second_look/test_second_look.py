"""The second look: no effect without a background, trained behind a network and exported with it; needs PyTorch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")
onnx: Any = pytest.importorskip("onnx", reason="ONNX is a development dependency")
onnxruntime: Any = pytest.importorskip("onnxruntime", reason="ONNX Runtime comes with the extra `cpu` or `gpu`")

from cutouts.cli.networks import train  # noqa: E402
from cutouts.core.errors import ModelError  # noqa: E402
from cutouts.training.batches.schedule import Budget  # noqa: E402
from cutouts.training.data.cache import Datasets  # noqa: E402
from cutouts.training.export import graph, half_weights, restore  # noqa: E402
from cutouts.training.loop.options import TrainingOptions  # noqa: E402
from cutouts.training.network import checkpoint  # noqa: E402
from cutouts.training.network.saliency import SaliencyNetwork  # noqa: E402
from cutouts.training.second_look import export, loop  # noqa: E402
from cutouts.training.second_look.network import SIZE, Mending  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # from PyTorch's exporter


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new network as it is shipped: exported for 256², with weights in half precision."""
    torch.manual_seed(0)
    target: Path = tmp_path_factory.mktemp("base") / "base.onnx"
    graph.export(SaliencyNetwork().eval(), target, SIZE)
    half_weights.halve(target)
    return target


@pytest.fixture
def look() -> Mending:
    """A second look with an effect: its last convolution is not zero, unlike at the start."""
    torch.manual_seed(1)
    made = Mending()
    torch.nn.init.normal_(made.look.say.weight, std=0.5)
    torch.nn.init.constant_(made.look.say.bias, 1.0)
    made.eval()
    return made


def _image(flat: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A plain background, or noise, uint8 (1, 256, 256, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (1, 16, 16, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    return np.full_like(coarse, 200) if flat else coarse


def _said(file: Path, image: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    said: np.ndarray[Any, np.dtype[np.float32]] = session.run(None, {"image": image})[0]
    return said


def test_a_new_second_look_changes_next_to_nothing() -> None:
    """Training starts from the network as it is."""
    saliency = torch.rand(2, 1, SIZE, SIZE)
    said = Mending().eval()(torch.full((2, 3, SIZE, SIZE), 0.8), saliency)
    assert float((said - saliency).abs().max()) <= 1e-3


def test_without_a_background_the_network_is_unchanged(look: Mending, base: Path, tmp_path: Path) -> None:
    """It is equal to the last bit; on a plain background the second look has an effect."""
    export.graft(base, look, tmp_path / "both.onnx")
    np.testing.assert_array_equal(_said(tmp_path / "both.onnx", _image(False)), _said(base, _image(False)))
    assert np.abs(_said(tmp_path / "both.onnx", _image(True)) - _said(base, _image(True))).max() > 0.05


def test_both_in_one_graph_agree_with_pytorch(look: Mending, base: Path, tmp_path: Path) -> None:
    """They do for any batch, with the same input and output as the network alone."""
    export.graft(base, look, tmp_path / "both.onnx")
    image = np.concatenate([_image(True), _image(False), _image(True) // 2])
    rgb = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = look(rgb, torch.from_numpy(_said(base, image))).numpy()
    np.testing.assert_allclose(_said(tmp_path / "both.onnx", image), expected, atol=1e-4)
    alone, both = (onnx.load(file).graph for file in (base, tmp_path / "both.onnx"))
    assert (both.input, both.output) == (alone.input, alone.output)


def test_a_network_has_at_most_one_second_look(look: Mending, base: Path, tmp_path: Path) -> None:
    """It has none if its input size is not a multiple of that of the second look."""
    export.graft(base, look, tmp_path / "both.onnx")
    with pytest.raises(ModelError, match="already has a second look"):
        export.graft(tmp_path / "both.onnx", look, tmp_path / "more.onnx")
    graph.export(SaliencyNetwork().eval(), tmp_path / "odd.onnx", 320)
    with pytest.raises(ModelError, match="a multiple of 256 px"):
        export.graft(tmp_path / "odd.onnx", look, tmp_path / "more.onnx")


def test_a_network_with_a_second_look_is_not_trained_further(
    look: Mending, base: Path, datasets: Datasets, tmp_path: Path
) -> None:
    """The result would silently lack the second look."""
    export.graft(base, look, tmp_path / "both.onnx")
    with pytest.raises(ModelError, match="has a second look: start from the network without it"):
        restore.from_exports([tmp_path / "both.onnx"], datasets)


def _settings(steps: int) -> TrainingOptions:
    """So many steps, without a time limit."""
    return TrainingOptions(budget=Budget(images=steps * loop.BATCH, seconds=1e9), threads=1)


def test_its_training_can_be_stopped_and_continued(datasets: Datasets, base: Path, tmp_path: Path) -> None:
    """The checkpoint counts the steps of both calls, and its weights have changed."""
    stop = threading.Event()
    stop.set()
    loop.train(tmp_path, base, datasets, _settings(2), stop)
    saved = checkpoint.load(tmp_path)
    assert saved is not None
    assert saved[0].steps == 1
    loop.train(tmp_path, base, datasets, _settings(2), threading.Event())
    saved = checkpoint.load(tmp_path)
    assert saved is not None
    assert (saved[0].steps, saved[0].images) == (2, 2 * loop.BATCH)
    assert float(loop.trained(tmp_path).look.say.weight.abs().sum()) > 0


def test_the_command_writes_both_as_one_network(datasets: Datasets, base: Path, tmp_path: Path) -> None:
    """It is trained in one call and attached to another network by a later one."""
    train._mend(tmp_path, base, datasets, _settings(1), export_only=False)
    first = (tmp_path / "network.onnx").read_bytes()
    assert _said(tmp_path / "network.onnx", _image(True)).shape == (1, 1, SIZE, SIZE)
    (tmp_path / "network.onnx").unlink()
    train._mend(tmp_path, base, datasets, _settings(1), export_only=True)
    assert (tmp_path / "network.onnx").read_bytes() == first


def test_there_is_nothing_to_export_before_a_training(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(FileNotFoundError, match="no checkpoint under"):
        loop.trained(tmp_path)


@pytest.mark.parametrize(("alpha", "flat", "teaches"), [(255, True, True), (128, True, False), (255, False, False)])
def test_only_images_with_a_background_and_a_solid_product_are_used(alpha: int, flat: bool, teaches: bool) -> None:
    """Glass and busy scenes are left out."""
    rgba = np.dstack([_image(flat)[0], np.zeros((SIZE, SIZE), np.uint8)])
    rgba[80:170, 80:170] = (200, 20, 20, alpha)
    assert loop.teaches(rgba, Mending().eval()) is teaches
