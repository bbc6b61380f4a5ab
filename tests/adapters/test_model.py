"""Networks: rows, graphs and providers, on real tiny ONNX files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipeline.adapters.model import ModelChoice, Network, available_providers, choose, open_network, recipe_of
from pipeline.core.errors import ModelError
from pipeline.models import ModelRow, find, rows


def tiny(path: Path, *, size: int = 4, fixed_batch: bool = False) -> str:
    """A network that says how bright the first channel is, divided by 255; gives the file's sha256."""
    batch = 1 if fixed_batch else "n"
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["float", "first"], ["channel"], axis=3),
        helper.make_node("Div", ["channel", "full"], ["saliency"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, size, size, 3])],
        [helper.make_tensor_value_info("saliency", TensorProto.FLOAT, [batch, size, size])],
        [
            helper.make_tensor("first", TensorProto.INT64, [], [0]),
            helper.make_tensor("full", TensorProto.FLOAT, [], [255.0]),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def row(network: tuple[Path, str], **changes: object) -> ModelRow:
    """The row that belongs to `tiny`."""
    fields: dict[str, object] = {
        "name": "tiny", "file": str(network[0]), "sha256": network[1], "width_px": 4, "height_px": 4,
        "resize": "stretch", "layout": "nhwc-uint8", "licence": "none", "commercial": True, "about": "",
    }  # fmt: skip
    return ModelRow.model_validate(fields | changes)


@pytest.fixture
def file(tmp_path: Path) -> tuple[Path, str]:
    """A network's file and its digest."""
    return tmp_path / "tiny.onnx", tiny(tmp_path / "tiny.onnx")


def test_probability_is_raw(file: tuple[Path, str]) -> None:
    """No stretch: a dull image stays unsure, each in its batch by itself."""
    network = Network(ModelChoice(row=row(file)))
    dull, bright = (np.full((4, 4, 3), value, np.uint8) for value in (51, 255))
    maps = network.saliency([dull, bright])
    assert [float(one.max()) for one in maps] == [pytest.approx(0.2), 1.0]
    assert maps[0].dtype == np.float32


def test_a_logit_becomes_a_probability(file: tuple[Path, str]) -> None:
    """The row says which of them the graph gives."""
    network = Network(ModelChoice(row=row(file, activation="logit")))
    assert network.saliency([np.zeros((4, 4, 3), np.uint8)])[0].max() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width_px": 8}, "its input is"),
        ({"layout": "nchw-float32"}, "it takes"),
        ({"sha256": "0" * 64}, "not the file"),
        ({"file": "/nowhere/x.onnx"}, "is not at"),
    ],
)
def test_a_row_that_contradicts_its_graph_is_refused(
    file: tuple[Path, str], changes: dict[str, object], words: str
) -> None:
    """A wrong input size silently halves quality; here it is an error at load."""
    with pytest.raises(ModelError, match=words):
        Network(ModelChoice(row=row(file, **changes)))


def test_a_file_that_is_no_network_is_an_error(tmp_path: Path) -> None:
    """With the file's name, not the runtime's stack."""
    (tmp_path / "x.onnx").write_bytes(b"nonsense")
    digest = hashlib.sha256(b"nonsense").hexdigest()
    with pytest.raises(ModelError, match=r"x\.onnx does not load"):
        Network(ModelChoice(row=row((tmp_path / "x.onnx", digest))))


def test_a_fixed_batch_is_known(tmp_path: Path) -> None:
    """So that nobody sends it two images."""
    digest = tiny(tmp_path / "one.onnx", fixed_batch=True)
    assert Network(ModelChoice(row=row((tmp_path / "one.onnx", digest)))).largest_batch == 1


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_an_error(provider: str) -> None:
    """No silent fallback to the CPU."""
    state = available_providers()
    if state[provider] == "ok":
        pytest.skip(f"this machine has {provider}")
    with pytest.raises(ModelError, match=provider):
        Network(ModelChoice(row=find("default"), provider=provider))  # type: ignore[arg-type]


def test_the_default_network_is_what_the_table_says() -> None:
    """Its file is there, whole, fits its row, and is opened once per process."""
    choice = choose("default", "cpu")
    assert open_network(choice) is open_network(choose("default", "cpu"))
    assert choice.row.path().stat().st_size < 16_000_000


def test_an_unknown_model_is_answered_with_the_table() -> None:
    """The error lists what there is."""
    with pytest.raises(ModelError, match="default"):
        choose("u3net", "cpu")


def test_what_changes_pixels_changes_the_recipe(file: tuple[Path, str]) -> None:
    """Network and preprocessing are the matte's, cropping the rendering's; where it runs is neither."""
    base = recipe_of(row(file)).digests
    assert recipe_of(row(file, about="renamed", licence="other")).digests == base
    assert recipe_of(row(file, denoise_sigma=1.0)).digests.matte_digest != base.matte_digest
    cropped = recipe_of(row(file), crop=True).digests
    assert cropped.matte_digest == base.matte_digest
    assert cropped.render_digest != base.render_digest


def test_names_in_the_table_are_unique() -> None:
    """A name is a key."""
    names = [one.name for one in rows()]
    assert len(names) == len(set(names))
