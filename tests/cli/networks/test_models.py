"""`cutouts models` as a person uses it, with real network files and a real web server."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from cutouts.adapters.model import ModelChoice, Network
from cutouts.cli import cli
from cutouts.core.errors import CutoutsError
from cutouts.core.pixels import Floats
from cutouts.models import OWN_TABLE, ModelRow, find, with_row
from tests.file_server import FileServer, serving
from tests.models_command import LICENCE, run
from tests.photographs import product
from tests.tiny_networks import tiny

pytestmark = pytest.mark.usefixtures("models")


def test_the_list_shows_each_network_and_where_it_is() -> None:
    """There is one line per network; only the shipped one is here, but every size is shown."""
    lines = {line.split()[0]: line for line in run("list").output.splitlines()[1:]}
    assert "512×512" in lines["default"]
    assert "shipped" in lines["default"]
    assert "176 MB" in lines["u2net"]
    assert "not pulled" in lines["u2net"]
    assert "CC BY-NC 4.0" in lines["bria-rmbg-2.0"]


def test_the_list_is_available_as_json() -> None:
    """It has every field of every row."""
    listed = {row["name"]: row for row in json.loads(run("list", "--json").output)}
    assert listed["u2netp"]["md5"] == "8e83ca70e441ab06c318d82300c84806"
    assert listed["u2netp"]["state"] == "not pulled"
    assert Path(listed["default"]["path"]).is_file()


def test_a_pulled_network_can_cut(
    tmp_path: Path, models: Path, u2netp_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from the site's mirror as the real file, and then `cutouts cut --model` uses it."""
    with serving(FileServer(body=u2netp_file.read_bytes())) as server:
        monkeypatch.setenv("CUTOUTS_MIRROR", f"{server.url}/networks/")
        assert "u2netp: pulled and verified" in run("pull", "u2netp").output
        assert "already here, verified" in run("pull", "u2netp", "default").output
    assert [path for path, _ in server.asked] == ["/networks/u2netp.onnx"]
    assert [path.name for path in models.iterdir()] == ["u2netp.onnx"]
    photograph = product(tmp_path / "ball.jpg", size=200)
    command = ["cut", str(photograph), "-o", str(tmp_path / "ball.png"), "--model", "u2netp"]
    assert CliRunner().invoke(cli, command, catch_exceptions=False).exit_code == 0
    cut = cv2.imread(str(tmp_path / "ball.png"), cv2.IMREAD_UNCHANGED)
    assert cut is not None
    assert (cut[0, 0, 3], cut[100, 100, 3]) == (0, 255)


def test_a_row_of_a_site_may_have_a_url(models: Path, tmp_path: Path) -> None:
    """What one machine added, another one pulls from the house's own server."""
    digest = tiny(tmp_path / "house.onnx")
    models.mkdir()
    with serving(FileServer(body=(tmp_path / "house.onnx").read_bytes())) as server:
        row = {
            "name": "house", "file": "house.onnx", "url": f"{server.url}/v7/weights", "sha256": digest,
            "width_px": 4, "height_px": 4, "resize": "stretch", "layout": "nhwc-uint8", "licence": "ours",
            "commercial": True, "about": "",
        }  # fmt: skip
        (models / OWN_TABLE).write_text(with_row("", ModelRow.model_validate(row)))
        assert "not pulled: " in run("verify").output
        assert run("pull", "house").exit_code == 0
    assert [path for path, _ in server.asked] == ["/v7/weights"]
    assert run("verify", "house").exit_code == 0


@pytest.mark.parametrize("file", ["table.toml", "default.onnx", "../foreign.onnx", "{tmp}/foreign.onnx"])
def test_a_foreign_row_overwrites_nothing(models: Path, tmp_path: Path, file: str) -> None:
    """The table, a shipped network and files elsewhere stay, and the row is refused with a message."""
    models.mkdir()
    (tmp_path / "foreign.onnx").write_bytes(b"mine")
    file = file.replace("{tmp}", str(tmp_path))
    body = b"evil"
    with serving(FileServer(body=body)) as server:
        (models / OWN_TABLE).write_text(
            f"""[[models]]
name = "evil"
file = "{file}"
url = "{server.url}/evil"
sha256 = "{hashlib.sha256(body).hexdigest()}"
width_px = 4
height_px = 4
resize = "stretch"
layout = "nhwc-uint8"
licence = "MIT"
commercial = true
about = ""
"""
        )
        table, shipped = (models / OWN_TABLE).read_bytes(), find("u2netp", "nowhere").path("nowhere")
        result = run("pull", "evil")
    assert result.exit_code == 1
    assert file in result.output
    assert server.asked == []
    assert (models / OWN_TABLE).read_bytes() == table
    assert (tmp_path / "foreign.onnx").read_bytes() == b"mine"
    assert not shipped.exists()
    (models / OWN_TABLE).unlink()
    assert run("verify", "default").exit_code == 0


def test_a_non_commercial_network_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is refused before a download and at use; if the site allows it, it is only missing."""
    with serving(FileServer(body=b"weights")) as server:
        refused = run("pull", "u2net", "bria-rmbg-2.0", "--mirror", server.url)
    assert refused.exit_code == 1
    assert "allow_noncommercial" in refused.output
    assert server.asked == []
    command = ["cut", str(product(tmp_path / "a.jpg")), "-o", "a.png", "--model", "bria-rmbg-2.0"]
    with pytest.raises(CutoutsError, match="allow_noncommercial"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
    monkeypatch.setenv("CUTOUTS_ALLOW_NONCOMMERCIAL", "true")
    with pytest.raises(CutoutsError, match=r"cutouts models pull bria-rmbg-2\.0"):
        CliRunner().invoke(cli, command, catch_exceptions=False)


def test_a_wrong_file_is_refused_with_a_message(models: Path) -> None:
    """The mirror returns another file, and nothing is left."""
    with serving(FileServer(body=b"not the network")) as server:
        result = run("pull", "u2netp", "--mirror", server.url)
    assert result.exit_code == 1
    assert "does not match the model table: it has 15 B" in result.output
    assert list(models.iterdir()) == []


def test_verify_opens_local_networks_and_names_the_others(tmp_path: Path) -> None:
    """If all is well the status is 0."""
    tiny(tmp_path / "mine.onnx")
    run("add", tmp_path / "mine.onnx", "--activation", "probability", *LICENCE)
    result = run("verify")
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.output.splitlines()] == [
        "ok   default",
        "ok   default-int8",
        "ok   default-licensed",
        "ok   mine",
        "     not pulled",
    ]


def test_verify_skips_cpu_networks_on_a_gpu() -> None:
    """They could only fail, so they are named instead, whether or not the machine has a GPU."""
    output = run("verify", "--provider", "cuda").output
    assert "for CPUs: default-int8" in output
    assert " default-int8: " not in output


def test_verify_finds_changed_and_missing_files(tmp_path: Path, models: Path) -> None:
    """An extra byte, a missing file and a wrong row are each reported, and the status is 1."""
    for name in ("changed", "lost", "wrong"):
        tiny(tmp_path / f"{name}.onnx")
        run("add", tmp_path / f"{name}.onnx", "--activation", "probability", *LICENCE)
    (models / "changed.onnx").write_bytes((models / "changed.onnx").read_bytes() + b"\0")
    (models / "lost.onnx").unlink()
    table = (models / OWN_TABLE).read_text()
    head, _, wrong = table.rpartition("[[models]]")
    (models / OWN_TABLE).write_text(f"{head}[[models]]{wrong.replace('width_px = 4', 'width_px = 5')}")
    result = run("verify")
    assert result.exit_code == 1
    told = {line.split()[1].rstrip(":"): line for line in result.output.splitlines() if line.startswith("FAILED")}
    assert set(told) == {"changed", "lost", "wrong"}
    assert "does not match the model table" in told["changed"]
    assert "is not at" in told["lost"]
    assert "its input is" in told["wrong"]
    assert run("verify", "default").exit_code == 0


def test_a_card_shows_every_field() -> None:
    """It has the written card, if there is one, and the row."""
    for name in ("default", "default-int8"):
        assert "# Model card: `default`" in run("card", name).output
    card = run("card", "bria-rmbg-2.0").output
    assert "CC BY-NC 4.0" in card
    assert "5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958" in card
    assert "unknown model 'nobody'" in run("card", "nobody").output


def test_a_missing_card_is_reported(tmp_path: Path, models: Path) -> None:
    """A site's row may name a card, and the message says where it was expected."""
    tiny(tmp_path / "mine.onnx")
    run("add", tmp_path / "mine.onnx", "--activation", "probability", *LICENCE)
    with (models / OWN_TABLE).open("a") as table:
        table.write('card = "mine.md"\n')
    assert f"the model card of 'mine' is not at {models / 'mine.md'}" in run("card", "mine").output
    (models / "mine.md").write_text("# Made in the studio")
    assert "# Made in the studio" in run("card", "mine").output


def saliency(name: str, models: Path, image: Floats | np.ndarray) -> Floats:
    """The saliency of a network of the table."""
    row = find(name, str(models))
    return Network(ModelChoice(row=row, models=str(models))).saliency([image])[0]


def test_half_precision_gives_nearly_the_same_result(tmp_path: Path, models: Path) -> None:
    """It is a separate network in the table with the same interface; a second conversion is refused."""
    assert run("convert", "default", "--fp16").exit_code == 0
    photograph = cv2.imread(str(product(tmp_path / "a.png", size=find("default", str(models)).width_px)))
    image = np.asarray(photograph, np.uint8)
    one, other = saliency("default", models, image), saliency("default-fp16", models, image)
    assert one.max() > 0.99
    assert 0 < np.abs(one - other).max() < 0.01
    assert find("default-fp16", str(models)).file == "default-fp16.onnx"
    assert "already" in run("convert", "default", "--fp16").output


def test_a_conversion_replaces_no_file(tmp_path: Path, models: Path) -> None:
    """Existing files stay, even if no row names them, and another suffix is refused."""
    models.mkdir()
    (models / "default-fp16.onnx").write_bytes(b"mine")
    (tmp_path / "half.onnx").symlink_to(models / "default-fp16.onnx")
    for options in ([], ["-o", tmp_path / "half.onnx"]):
        result = run("convert", "default", "--fp16", *options)
        assert result.exit_code == 1
        assert "already exists" in result.output
    assert run("convert", "default", "--fp16", "-o", models / "table.toml").exit_code == 2
    assert [path.name for path in models.iterdir()] == ["default-fp16.onnx"]
    assert (models / "default-fp16.onnx").read_bytes() == b"mine"


def test_the_real_u2netp_is_converted_to_half_precision(tmp_path: Path, models: Path, u2netp_file: Path) -> None:
    """It has half the bytes, at the path of --out and under the name of --name."""
    models.mkdir()
    (models / "u2netp.onnx").write_bytes(u2netp_file.read_bytes())
    out = tmp_path / "elsewhere" / "half.onnx"
    assert run("convert", "u2netp", "--fp16", "-o", out, "--name", "half").exit_code == 0
    assert out.stat().st_size < 0.55 * u2netp_file.stat().st_size
    image = np.random.default_rng(0).normal(size=(3, 320, 320)).astype(np.float32)
    assert np.abs(saliency("u2netp", models, image) - saliency("half", models, image)).max() < 0.03


def test_the_kind_of_conversion_has_to_be_named() -> None:
    """There is one kind today, but it is stated and not guessed."""
    result = run("convert", "default")
    assert result.exit_code == 2
    assert "--fp16" in result.output


def test_listing_imports_no_runtime() -> None:
    """Showing the table imports neither ONNX nor a web client."""
    script = """
import sys
sys.argv = ["cutouts", "models", "list"]
from cutouts.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.splitlines()[-1].split()) & {"onnx", "onnxruntime", "requests", "numpy", "cv2"}
