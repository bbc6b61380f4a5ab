"""The network as ONNX and as int8, if PyTorch is installed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")
onnx: Any = pytest.importorskip("onnx", reason="ONNX is a development dependency")
onnxruntime: Any = pytest.importorskip("onnxruntime", reason="ONNX Runtime comes with the extra `cpu` or `gpu`")

from cutouts.cli.networks import train  # noqa: E402
from cutouts.core.errors import ModelError  # noqa: E402
from cutouts.training.batches import sampler  # noqa: E402
from cutouts.training.batches.schedule import Phase  # noqa: E402
from cutouts.training.data.cache import Datasets  # noqa: E402
from cutouts.training.export import graph, half_weights, restore  # noqa: E402
from cutouts.training.network.saliency import SaliencyNetwork, normalised  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # from PyTorch's exporter

SIZE = 64


@pytest.fixture(scope="module")
def network() -> SaliencyNetwork:
    """A new network with fixed weights."""
    torch.manual_seed(0)
    fresh = SaliencyNetwork()
    fresh.eval()
    return fresh


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, network: SaliencyNetwork) -> Path:
    """That network as an ONNX file."""
    target = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    graph.export(network, target, SIZE)
    return target


def _saliency(file: Path, images: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The output of the network in `file` for `images`."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (saliency,) = session.run(["saliency"], {"image": images})
    return np.asarray(saliency)


def test_the_exported_network_agrees_with_the_trained_one(network: SaliencyNetwork, exported: Path) -> None:
    """Probabilities agree within 1e-5, from uint8 pixels, for any batch."""
    images = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    saliency = _saliency(exported, images)
    with torch.no_grad():
        said = network(normalised(torch.from_numpy(images))).probability()
    assert saliency.shape == (3, 1, SIZE, SIZE)
    assert saliency.dtype == np.float32
    np.testing.assert_allclose(saliency, said.numpy(), atol=1e-5)


@pytest.mark.parametrize("stored", ["single", "half"])
def test_an_exported_network_can_be_trained_further(
    tmp_path: Path,
    network: SaliencyNetwork,
    exported: Path,
    datasets: Datasets,
    stored: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In training mode its output is the same, even with batch norm statistics from the batch."""
    file = tmp_path / "network.onnx"
    file.write_bytes(exported.read_bytes())
    if stored == "half":
        half_weights.halve(file)
    measured = Phase(until=1.0, size=SIZE, batch=4)
    monkeypatch.setattr(restore, "MEASURED", measured)
    again = restore.from_exports([file], datasets)
    images = sampler.batch(datasets, 0, 0, measured)[..., :3]
    for from_the_batch in (False, True):
        with torch.no_grad():
            said = again.train(from_the_batch)(normalised(torch.from_numpy(images))).probability()
        np.testing.assert_allclose(said.numpy(), _saliency(exported, images), atol=1e-3)
    norm = again.get_submodule("decoder.mixers.0.0.1")
    assert not torch.allclose(norm.running_mean, torch.zeros(1))
    assert again.encoder.blocks[0].b[0].conv.weight.requires_grad


def test_the_mean_of_several_exports_is_trained_further(
    tmp_path: Path, network: SaliencyNetwork, exported: Path, datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one has a presence logit higher by two, the mean has one higher by one; all else agrees."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.decoder.heads[0].bias += 2.0
    graph.export(other, tmp_path / "other.onnx", SIZE)
    monkeypatch.setattr(restore, "MEASURED", Phase(until=1.0, size=SIZE, batch=4))
    again = restore.from_exports([exported, tmp_path / "other.onnx"], datasets).eval()
    images = normalised(torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8))
    with torch.no_grad():
        said, before = again(images), network(images)
    torch.testing.assert_close(said.planes[0], before.planes[0] + 1.0, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(said.presence, before.presence, atol=1e-3, rtol=1e-3)


def test_no_minutes_write_the_mean_of_several_networks_unchanged(
    tmp_path: Path, network: SaliencyNetwork, exported: Path, datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean of a network and itself is the network; the int8 file is beside it, and there is no curve."""
    monkeypatch.setattr(restore, "MEASURED", Phase(until=1.0, size=SIZE, batch=4))
    monkeypatch.setattr(graph, "CALIBRATION_IMAGES", 2)
    train.write(tmp_path, (exported, exported), datasets, SIZE)
    assert {file.name for file in tmp_path.iterdir()} == {"network.onnx", "network-int8.onnx"}
    images = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    np.testing.assert_allclose(_saliency(tmp_path / "network.onnx", images), _saliency(exported, images), atol=2e-3)


def test_an_export_with_the_old_presence_layer_can_be_trained_further(
    tmp_path: Path, datasets: Datasets, network: SaliencyNetwork, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its planes are unchanged, and whether there is a product is learned anew."""
    model = onnx.load(exported)
    for node in [node for node in model.graph.node if node.op_type == "Conv" and "/presence/" in node.output[0]]:
        node.output[0] = node.output[0].replace("/presence/", "/earlier/")
    onnx.save(model, tmp_path / "earlier.onnx")
    monkeypatch.setattr(restore, "MEASURED", Phase(until=1.0, size=SIZE, batch=4))
    again = restore.from_exports([tmp_path / "earlier.onnx"], datasets).eval()
    images = normalised(torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)))
    with torch.no_grad():
        said, before = again(images), network(images)
    torch.testing.assert_close(said.planes[0], before.planes[0], atol=1e-3, rtol=1e-3)
    assert not torch.allclose(said.presence, before.presence, atol=1e-3)


def test_another_network_cannot_be_trained_further(tmp_path: Path, datasets: Datasets, exported: Path) -> None:
    """The error names what is missing or has another shape."""
    model = onnx.load(exported)
    model.graph.node.remove(next(node for node in model.graph.node if "heads.0" in node.output[0]))
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="is not a network that `cutouts train` exported") as error:
        restore.from_exports([exported, tmp_path / "other.onnx"], datasets)
    assert "decoder.heads.0" in str(error.value)


def test_padding_is_part_of_the_convolutions(exported: Path) -> None:
    """There is no Pad and no shape arithmetic, only operators that every provider runs."""
    kinds = {node.op_type for node in onnx.load(exported).graph.node}
    pooling = {"Concat", "Mul", "ReduceMax", "ReduceMean"}
    assert kinds <= {"Add", "Cast", "Clip", "Conv", "Resize", "Sigmoid", "Sub", "Transpose"} | pooling


def test_the_int8_network_is_close_and_has_the_same_interface(
    tmp_path: Path, exported: Path, datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is quantised with training images and agrees within a few hundredths."""
    monkeypatch.setattr(graph, "CALIBRATION_IMAGES", 6)
    graph.quantise(exported, tmp_path / "int8.onnx", datasets, SIZE)
    images = next(graph.calibration_images(datasets, SIZE))[None]
    difference = _saliency(exported, images) - _saliency(tmp_path / "int8.onnx", images)
    assert np.abs(difference).mean() < 0.05
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * exported.stat().st_size


def test_presence_is_not_quantised(
    tmp_path: Path, exported: Path, datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The int8 network computes it with the original weights."""
    monkeypatch.setattr(graph, "CALIBRATION_IMAGES", 2)
    graph.quantise(exported, tmp_path / "int8.onnx", datasets, SIZE)
    nodes = onnx.load(tmp_path / "int8.onnx").graph.node
    makers = {name: node.op_type for node in nodes for name in node.output}
    says = [node for node in nodes if "/presence/say/" in node.name and node.op_type == "Conv"]
    assert len(says) == 2
    assert makers[says[0].input[0]] == "Concat"
    assert not {makers.get(name) for node in says for name in node.input} & {"DequantizeLinear"}


def test_weights_stored_in_half_precision_give_the_same_result(tmp_path: Path, exported: Path) -> None:
    """They take half of the bytes, and the probability changes by less than a thousandth."""
    file = tmp_path / "half_weights.onnx"
    file.write_bytes(exported.read_bytes())
    half_weights.halve(file)
    images = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    np.testing.assert_allclose(_saliency(file, images), _saliency(exported, images), atol=1e-3)
    assert file.stat().st_size < 0.55 * exported.stat().st_size


def test_without_a_training_there_is_nothing_to_export(tmp_path: Path) -> None:
    """The error names the missing checkpoint."""
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        graph.trained(tmp_path)
