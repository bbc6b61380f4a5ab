"""A network is one file and needs no other, at every load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from cutouts.adapters.model import ModelChoice, Network
from cutouts.adapters.model.graph import read_graph
from cutouts.adapters.model.half_precision import half_precision
from cutouts.adapters.model.providers import open_session
from cutouts.adapters.model.self_contained import parse
from cutouts.cli import cli
from cutouts.core.errors import ModelError
from cutouts.models import ModelFile, ModelRow, read_file
from tests.cli.conftest import models
from tests.evaluation.networks import a_set
from tests.models_command import LICENCE, run
from tests.tiny_networks import tiny

__all__ = ["models"]

FIELDS = {
    "name": "mine",
    "file": "mine.onnx",
    "width_px": 4,
    "height_px": 4,
    "resize": "stretch",
    "layout": "nhwc-uint8",
    "licence": "MIT",
    "commercial": True,
    "about": "",
}


def away(*, mark: bool = True) -> Any:
    """A number that is stored in `weights.bin`; without `mark` only the reference says so."""
    tensor = TensorProto(name="secret", data_type=TensorProto.FLOAT, dims=[1])
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    if mark:
        tensor.data_location = TensorProto.EXTERNAL
    return tensor


def constant(**attributes: Any) -> Any:
    """A node that returns the value of its attribute."""
    return helper.make_node("Constant", [], ["made"], **attributes)


def branch(*nodes: Any, initializers: tuple[Any, ...] = ()) -> Any:
    """A subgraph with those nodes."""
    out = helper.make_tensor_value_info("made", TensorProto.FLOAT, [1])
    return helper.make_graph([*nodes], "branch", [], [out], [*initializers])


def sparse(values: Any, indices: Any) -> Any:
    """A sparse tensor with those parts."""
    return helper.make_sparse_tensor(values, indices, [4])


WHOLE = numpy_helper.from_array(np.array([1], np.float32), "values")
PLACES = numpy_helper.from_array(np.array([0], np.int64), "indices")


def _if(graph: Any) -> Any:
    return helper.make_node("If", ["yes"], ["made"], then_branch=graph, else_branch=branch(constant(value=WHOLE)))


def _function(model: Any, *nodes: Any) -> None:
    body = helper.make_function("own", "Away", [], ["made"], [*nodes], [helper.make_opsetid("", 17)])
    model.functions.append(body)
    model.opset_import.append(helper.make_opsetid("own", 1))


def _training(model: Any) -> None:
    model.training_info.add().initialization.CopyFrom(branch(initializers=(away(),)))


PLACES_TO_HIDE: dict[str, Callable[[Any], object]] = {
    "an initializer": lambda model: model.graph.initializer.append(away()),
    "one that is not marked": lambda model: model.graph.initializer.append(away(mark=False)),
    "an attribute": lambda model: model.graph.node.append(constant(value=away())),
    "a list of an attribute": lambda model: model.graph.node.append(helper.make_node("X", [], ["x"], ts=[away()])),
    "a branch's initializer": lambda model: model.graph.node.append(_if(branch(initializers=(away(),)))),
    "a branch's attribute": lambda model: model.graph.node.append(_if(branch(constant(value=away())))),
    "a branch of a branch": lambda model: model.graph.node.append(_if(branch(_if(branch(constant(value=away())))))),
    "a list of graphs": lambda model: model.graph.node.append(
        helper.make_node("X", [], ["x"], graphs=[branch(constant(value=away()))])
    ),
    "values of a sparse tensor": lambda model: model.graph.sparse_initializer.append(sparse(away(), PLACES)),
    "indices of a sparse tensor": lambda model: model.graph.sparse_initializer.append(sparse(WHOLE, away())),
    "a sparse attribute": lambda model: model.graph.node.append(constant(sparse_value=sparse(away(), PLACES))),
    "a function": lambda model: _function(model, constant(value=away())),
    "a training graph": _training,
    "an engine": lambda model: model.graph.node.append(
        helper.make_node("EPContext", [], ["x"], domain="com.microsoft", embed_mode=0, ep_cache_context="engine.bin")
    ),
}


@pytest.fixture(params=[*PLACES_TO_HIDE.values()], ids=[*PLACES_TO_HIDE])
def split(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A network that needs another file, which is beside it and in the working folder."""
    tiny(tmp_path / "mine.onnx")
    model = onnx.load(tmp_path / "mine.onnx")
    request.param(model)
    (tmp_path / "mine.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(np.array([1], np.float32).tobytes())
    return tmp_path / "mine.onnx"


def test_a_reference_to_another_file_is_refused_everywhere(split: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused by each way to load a network: to run, read, convert or train it."""
    monkeypatch.chdir(split.parent)
    file = read_file(split)
    row = ModelRow.model_validate(FIELDS | {"sha256": file.digest()})
    loads: list[Callable[[], object]] = [
        lambda: Network(ModelChoice(row=row, models=str(split.parent))),
        lambda: open_session(file, "cpu", threads=1, engines=split.parent),
        lambda: read_graph(file),
        lambda: half_precision(file),
        lambda: parse(file),
    ]
    for load in loads:
        with pytest.raises(ModelError, match=r"in other files|compiled elsewhere"):
            load()


def test_the_commands_refuse_such_a_network_too(split: Path, models: Path, tmp_path: Path) -> None:
    """It is not added, verified or evaluated."""
    refusal = ("in other files", "compiled elsewhere")
    assert any(words in run("add", split, *LICENCE).output for words in refusal)
    assert not models.exists()
    models.mkdir()
    (models / "mine.onnx").write_bytes(split.read_bytes())
    fields = FIELDS | {"sha256": read_file(split).digest()}
    rows = "\n".join(f"{name} = {value!r}".replace("True", "true").replace("'", '"') for name, value in fields.items())
    (models / "table.toml").write_text(f"[[models]]\n{rows}\n")
    assert any(words in run("verify", "mine").output for words in refusal)
    assert any(words in run("convert", "mine", "--fp16").output for words in refusal)
    images, truth = a_set(tmp_path, ["a"])
    told = CliRunner().invoke(
        cli, ["evaluate", "--images", str(images), "--truth", str(truth), "--network", f"x={split}"]
    )
    assert any(words in str(told.exception) for words in refusal)


def test_a_name_is_not_a_reference(tmp_path: Path) -> None:
    """A network that merely contains the word `location` is opened, and so is one with nested graphs."""
    tiny(tmp_path / "mine.onnx")
    model = onnx.load(tmp_path / "mine.onnx")
    model.graph.doc_string = "location of the EPContext"
    model.graph.initializer.append(numpy_helper.from_array(np.array([True]), "yes"))
    model.graph.node.append(_if(branch(constant(value=WHOLE))))
    (tmp_path / "mine.onnx").write_bytes(model.SerializeToString())
    session = open_session(read_file(tmp_path / "mine.onnx"), "cpu", threads=1, engines=tmp_path)
    assert session.get_inputs()[0].name == "image"


def test_the_verified_bytes_are_the_ones_that_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is exchanged between check and opening is not opened, since it is read only once."""
    tiny(tmp_path / "mine.onnx")
    row = ModelRow.model_validate(FIELDS | {"sha256": read_file(tmp_path / "mine.onnx").digest()})
    digest = ModelFile.digest

    def exchange(file: ModelFile, algorithm: str = "sha256") -> str:
        tiny(tmp_path / "other.onnx", size=5)
        (tmp_path / "other.onnx").replace(tmp_path / "mine.onnx")
        return digest(file, algorithm)

    monkeypatch.setattr(ModelFile, "digest", exchange)
    network = Network(ModelChoice(row=row, models=str(tmp_path)))
    (plane,) = network.saliency([np.full((4, 4, 3), 255, np.uint8)])
    assert plane.shape == (4, 4)


def test_the_ort_format_is_refused(tmp_path: Path) -> None:
    """ONNX Runtime also reads its own format, which is not checked for references."""
    import onnxruntime

    tiny(tmp_path / "mine.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "mine.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(tmp_path / "mine.onnx", options, providers=["CPUExecutionProvider"])
    assert (tmp_path / "mine.ort").read_bytes()[4:8] == b"ORTM"
    with pytest.raises(ModelError, match="does not load"):
        open_session(read_file(tmp_path / "mine.ort"), "cpu", threads=1, engines=tmp_path)
