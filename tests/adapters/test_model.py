"""Networks: rows, graphs and providers, on real tiny ONNX files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from cutouts.adapters.model import ModelChoice, Network, available_providers, choose, open_network, recipe_of
from cutouts.adapters.model.providers import require_placement, session_options
from cutouts.adapters.model.session import rounded_up
from cutouts.core.config import Provider
from cutouts.core.errors import ModelError
from cutouts.core.matting.preprocess import Preprocessing, network_input
from cutouts.core.pixels import Photograph
from cutouts.models import ModelRow, find, folder, rows
from tests.photographs import product
from tests.tiny_networks import seven, surprising, tiny

GPU_STATES = available_providers()
FLOAT: dict[str, object] = {"layout": "nchw-float32", "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def row(network: tuple[Path, str], **changes: object) -> ModelRow:
    """The row that describes `tiny`."""
    fields: dict[str, object] = {
        "name": "tiny", "file": str(network[0]), "sha256": network[1], "width_px": 4, "height_px": 4,
        "resize": "stretch", "layout": "nhwc-uint8", "licence": "none", "commercial": True, "about": "",
    }  # fmt: skip
    return ModelRow.model_validate(fields | changes)


@pytest.fixture
def file(tmp_path: Path) -> tuple[Path, str]:
    """A network's file and its digest."""
    return tmp_path / "tiny.onnx", tiny(tmp_path / "tiny.onnx")


def test_probabilities_are_not_stretched(file: tuple[Path, str]) -> None:
    """The probabilities of a dull image stay low, and each image is independent of its batch."""
    network = Network(ModelChoice(row=row(file)))
    dull, bright = (np.full((4, 4, 3), value, np.uint8) for value in (51, 255))
    maps = network.saliency([dull, bright])
    assert [float(one.max()) for one in maps] == [pytest.approx(0.2), 1.0]
    assert maps[0].dtype == np.float32


def test_a_logit_becomes_a_probability(file: tuple[Path, str]) -> None:
    """The row says which of the two the graph returns."""
    network = Network(ModelChoice(row=row(file, activation="logit")))
    assert network.saliency([np.zeros((4, 4, 3), np.uint8)])[0].max() == pytest.approx(0.5)
    bright = network.saliency([np.full((4, 4, 3), 255, np.uint8)])[0]
    assert bright.dtype == np.float32
    assert bright.max() == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize(
    ("layout", "shape"), [("nhw", ["n", 4, 4]), ("n1hw", ["n", 1, 4, 4]), ("nhw1", ["n", 4, 4, 1])]
)
def test_an_output_may_have_any_of_three_layouts(tmp_path: Path, layout: str, shape: list[str | int]) -> None:
    """The row says which axes it has, and the saliency is the same."""
    digest = tiny(tmp_path / "x.onnx", output=shape)
    network = Network(ModelChoice(row=row((tmp_path / "x.onnx", digest), output_layout=layout)))
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (network.saliency([image, image])[1] * 255).round().tolist() == image[..., 0].tolist()


def test_the_output_that_the_row_names_is_used(tmp_path: Path) -> None:
    """The first of seven maps is the default; another one changes the recipe too."""
    file = tmp_path / "seven.onnx", seven(tmp_path / "seven.onnx")
    images = [np.zeros((3, 4, 4), np.float32)]
    served = {}
    for output in (0, 4):
        choice = ModelChoice(row=row(file, **FLOAT, output=output, outputs=7, output_layout="n1hw"))
        served[output] = float(Network(choice).saliency(images)[0].max())
    assert served == {0: pytest.approx(0.5), 4: pytest.approx(1 / (1 + np.exp(-4)))}
    recipes = {recipe_of(row(file, **FLOAT, output=output)).digests.matte_digest for output in served}
    assert len(recipes) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width_px": 8}, "its input is"),
        (FLOAT, "it takes"),
        ({"sha256": "0" * 64}, "does not match the model table"),
        ({"file": "/nowhere/x.onnx"}, "is not at"),
        ({"outputs": 7}, "it has 1 output, the row says 7"),
        ({"output": 1}, "uses output 1"),
        ({"output_layout": "n1hw"}, "the row says n1hw"),
    ],
)
def test_a_row_that_contradicts_its_graph_is_refused(
    file: tuple[Path, str], changes: dict[str, object], words: str
) -> None:
    """A wrong input size would silently halve quality, so it is an error at load."""
    with pytest.raises(ModelError, match=words):
        Network(ModelChoice(row=row(file, **changes)))


def test_an_output_with_several_channels_is_refused(tmp_path: Path) -> None:
    """Class maps are refused at load if the graph states them, and otherwise when they are returned."""
    told, silent = tmp_path / "told.onnx", tmp_path / "silent.onnx"
    digests = tiny(told, output=["n", 3, 4, 4]), surprising(silent)
    with pytest.raises(ModelError, match="its output 0 is"):
        Network(ModelChoice(row=row((told, digests[0]), output_layout="n1hw")))
    network = Network(ModelChoice(row=row((silent, digests[1]), **FLOAT, output_layout="n1hw")))
    with pytest.raises(ModelError, match=r"returns \[1, 3, 4, 4\]"):
        network.saliency([np.zeros((3, 4, 4), np.float32)])


def test_a_letterbox_needs_an_output_of_the_input_size(tmp_path: Path) -> None:
    """Otherwise its bars could not be removed; with stretching a smaller output is fine."""
    file = tmp_path / "x.onnx", tiny(tmp_path / "x.onnx", output=["n", 2, 8])
    Network(ModelChoice(row=row(file)))
    with pytest.raises(ModelError, match="letterbox cannot be removed"):
        Network(ModelChoice(row=row(file, resize="letterbox")))


def test_a_file_that_is_not_a_network_is_an_error(tmp_path: Path) -> None:
    """The message names the file and hides the runtime's stack."""
    (tmp_path / "x.onnx").write_bytes(b"nonsense")
    digest = hashlib.sha256(b"nonsense").hexdigest()
    with pytest.raises(ModelError, match=r"x\.onnx does not load"):
        Network(ModelChoice(row=row((tmp_path / "x.onnx", digest))))


def test_a_fixed_batch_is_known(tmp_path: Path) -> None:
    """Such a network must not be given two images at once."""
    digest = tiny(tmp_path / "one.onnx", fixed_batch=True)
    assert Network(ModelChoice(row=row((tmp_path / "one.onnx", digest)))).largest_batch == 1


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_an_unavailable_provider_is_an_error(provider: Provider, tmp_path: Path) -> None:
    """There is no silent fallback to the CPU."""
    if GPU_STATES[provider] == "ok":
        pytest.skip(f"this machine has {provider}")
    with pytest.raises(ModelError, match=provider):
        Network(ModelChoice(row=find("default", str(tmp_path)), provider=provider, models=str(tmp_path)))


@pytest.mark.parametrize(
    ("provider", "words"), [("cuda", "CPUExecutionProvider: .*Conv"), ("tensorrt", "run elsewhere")]
)
def test_work_placed_on_another_provider_is_an_error(provider: Provider, words: str) -> None:
    """The placement of each operator is read from the session; here the CPU does the work of one."""
    path = find("default", "/nowhere").path("/nowhere")
    session = onnxruntime.InferenceSession(path, session_options(1, recorded=True), providers=["CPUExecutionProvider"])
    require_placement(session, "cpu")
    with pytest.raises(ModelError, match=words):
        require_placement(session, provider)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_did_nothing_is_an_error(provider: Provider, tmp_path: Path) -> None:
    """A graph of shapes alone runs on the CPU even beside a GPU, so the GPU was not used."""
    tiny(tmp_path / "x.onnx")
    options = session_options(1, recorded=True)
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", options, providers=["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="runs no part"):
        require_placement(session, provider)


def test_a_gpu_is_given_few_batch_sizes() -> None:
    """Each new size costs it a second, so short batches are padded without changing their results."""
    inputs = [np.full(3, value, np.uint8) for value in range(9)]
    filled = {count: rounded_up(inputs[:count]) for count in range(1, 10)}
    assert [len(batch) for batch in filled.values()] == [1, 2, 4, 4, 8, 8, 8, 8, 16]
    for count, batch in filled.items():
        np.testing.assert_array_equal(batch[:count], inputs[:count])


def test_a_padded_batch_changes_no_image(tmp_path: Path) -> None:
    """On the CPU each map of the shipped network is equal to the last bit: alone, in a batch, and in a padded one."""
    network = Network(ModelChoice(row=find("default", str(tmp_path))))
    how = recipe_of(network.row).preprocessing
    photographs = [cv2.imread(str(product(tmp_path / f"{seed}.png", seed=seed))) for seed in range(3)]
    images = [network_input(Photograph(rgb=np.asarray(one, np.uint8)), how) for one in photographs]
    alone = [network.saliency([image])[0] for image in images]
    for batch in (images, rounded_up(images)):
        np.testing.assert_array_equal(network.saliency(batch)[:3], alone)


@pytest.mark.gpu
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpu_agrees_with_the_cpu(provider: Provider, tmp_path: Path) -> None:
    """Probabilities differ by at most 0.02, and TensorRT keeps its engine for the next session."""
    if GPU_STATES[provider] != "ok":
        pytest.skip(f"not run: this machine has no {provider}")
    shipped = find("default", str(tmp_path))
    here, there = (Network(ModelChoice(row=shipped, provider=one, models=str(tmp_path))) for one in ("cpu", provider))
    how = recipe_of(shipped).preprocessing
    photographs = [cv2.imread(str(product(tmp_path / f"{seed}.png", seed=seed))) for seed in range(3)]
    images = [network_input(Photograph(rgb=np.asarray(one, np.uint8)), how) for one in photographs]
    for one, other in zip(here.saliency(images), there.saliency(images), strict=True):
        assert np.abs(one - other).max() < 0.02
    engines = sorted((folder(str(tmp_path)) / "tensorrt").rglob("*.engine"))
    assert bool(engines) == (provider == "tensorrt")


@pytest.mark.parametrize("name", ["u2net", "u2netp", "u2net_human_seg", "silueta"])
def test_the_u2net_family_is_prepared_as_published(name: str) -> None:
    """Images are stretched to 320², divided by their maximum and normalised as for ImageNet."""
    assert recipe_of(find(name, "/nowhere")).preprocessing == Preprocessing(
        width_px=320,
        height_px=320,
        letterbox=False,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        divide_by_own_maximum=True,
    )


def test_the_real_u2netp_matches_its_row(u2netp_file: Path) -> None:
    """Its seven outputs, sizes and digests match, and its saliency is that of rembg before the stretch."""
    shipped = find("u2netp", str(u2netp_file.parent))
    network = Network(ModelChoice(row=shipped, models=str(u2netp_file.parent)))
    rgb = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    image = network_input(Photograph(rgb=rgb), recipe_of(shipped).preprocessing)
    session = onnxruntime.InferenceSession(u2netp_file, session_options(1, recorded=False))
    outputs = session.run(None, {session.get_inputs()[0].name: image[None]})
    assert len(outputs) == 7
    assert (network.saliency([image])[0] == outputs[0][:, 0, :, :][0]).all()


def test_the_default_network_matches_its_row() -> None:
    """Its file exists, matches its digest and its row, and is opened once per process."""
    choice = choose("default", "cpu")
    assert open_network(choice) is open_network(choose("default", "cpu"))
    assert choice.row.path(choice.models).stat().st_size < 16_000_000


@pytest.mark.parametrize("name", ["default", "default-int8", "default-licensed"])
def test_more_threads_do_not_change_the_result(name: str) -> None:
    """The saliency is the same to the bit, so a single image may use all cores."""
    require_same_with_more_threads(choose(name, "cpu"))


def test_more_threads_do_not_change_the_result_of_u2netp(u2netp_file: Path) -> None:
    """This holds for public networks, too."""
    require_same_with_more_threads(choose("u2netp", "cpu", models=str(u2netp_file.parent)))


def require_same_with_more_threads(choice: ModelChoice) -> None:
    """The network finds the same with 1, 2 and 5 threads."""
    rgb = np.full((300, 400, 3), 235, np.uint8)
    cv2.circle(rgb, (190, 160), 90, (180, 60, 40), -1, cv2.LINE_AA)
    image = network_input(Photograph(rgb=rgb), recipe_of(choice.row).preprocessing)
    one, *others = (Network(replace(choice, threads=count)).saliency([image])[0] for count in (1, 2, 5))
    assert one.any()
    assert all(np.array_equal(one, other) for other in others)


def test_the_int8_network_is_computed_as_its_graph_says() -> None:
    """Also on an x86 CPU without VNNI, whose fast sums of 8-bit products overflow: it saw no product here."""
    choice = choose("default-int8", "cpu")
    rgb = np.full((512, 512, 3), 250, np.uint8)
    cv2.circle(rgb, (256, 256), 160, (240, 238, 236), -1)
    cv2.circle(rgb, (300, 230), 60, (20, 20, 20), -1)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    exact = onnxruntime.InferenceSession(choice.row.path(choice.models), options)
    (expected,) = exact.run(None, {exact.get_inputs()[0].name: rgb[None]})
    (found,) = open_network(choice).saliency([rgb])
    assert np.abs(found - expected[0, 0]).mean() < 0.01


def test_an_unknown_model_lists_the_known_ones() -> None:
    """The error lists what there is."""
    with pytest.raises(ModelError, match="default"):
        choose("u3net", "cpu")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_network_for_cpus_is_refused_on_a_gpu(provider: Provider) -> None:
    """It is refused before anything is planned, with the reason."""
    with pytest.raises(ModelError, match="runs only on CPUs"):
        choose("default-int8", provider)


def test_non_commercial_weights_are_refused_at_use() -> None:
    """It does not matter how they were obtained; a site may allow them."""
    with pytest.raises(ModelError, match="allow_noncommercial"):
        choose("bria-rmbg-2.0", "cpu")
    assert choose("bria-rmbg-2.0", "cpu", allow_noncommercial=True).row.licence.startswith("CC BY-NC")


def test_what_changes_pixels_changes_the_recipe(file: tuple[Path, str]) -> None:
    """Network and preprocessing belong to the matte and cropping to the rendering; the provider belongs to neither."""
    base = recipe_of(row(file)).digests
    assert recipe_of(row(file, about="renamed", licence="other")).digests == base
    assert recipe_of(row(file, denoise_sigma=1.0)).digests.matte_digest != base.matte_digest
    assert recipe_of(row(file, activation="logit")).digests.matte_digest != base.matte_digest
    cropped = recipe_of(row(file), crop=True).digests
    assert cropped.matte_digest == base.matte_digest
    assert cropped.render_digest != base.render_digest


def test_names_in_the_table_are_unique() -> None:
    """A name identifies one row."""
    names = [one.name for one in rows()]
    assert len(names) == len(set(names))
