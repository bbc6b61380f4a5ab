"""`cutouts models` as a person uses it, with real network files and a real web server."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from pipeline.adapters.model import ModelChoice, Network
from pipeline.cli import cli
from pipeline.core.errors import CutoutsError
from pipeline.core.pixels import Floats
from pipeline.models import OWN_TABLE, ModelRow, find, own_rows, with_row
from tests.file_server import FileServer, serving
from tests.photographs import product
from tests.tiny_networks import seven, tiny

LICENCE = ("--licence", "MIT", "--commercial")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of a site of our own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUTOUTS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def run(*arguments: object) -> Result:
    """Run `cutouts models` in this process; an expected error is its text, and status 1."""
    try:
        return CliRunner().invoke(cli, ["models", *map(str, arguments)], catch_exceptions=False)
    except CutoutsError as error:
        return Result(CliRunner(), str(error).encode(), b"", str(error).encode(), None, 1, error)


def test_the_list_says_what_there_is_and_where() -> None:
    """One line a network; nothing but the shipped one is here, and the size is told all the same."""
    lines = {line.split()[0]: line for line in run("list").output.splitlines()[1:]}
    assert "416×416" in lines["default"]
    assert "shipped" in lines["default"]
    assert "176 MB" in lines["u2net"]
    assert "not pulled" in lines["u2net"]
    assert "CC BY-NC 4.0" in lines["bria-rmbg-2.0"]


def test_the_list_can_be_read_by_programs() -> None:
    """Every field of every row."""
    listed = {row["name"]: row for row in json.loads(run("list", "--json").output)}
    assert listed["u2netp"]["md5"] == "8e83ca70e441ab06c318d82300c84806"
    assert listed["u2netp"]["state"] == "not pulled"
    assert Path(listed["default"]["path"]).is_file()


def test_a_network_is_pulled_and_cuts(
    tmp_path: Path, models: Path, u2netp_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the site's mirror, with the real file; then `cutouts cut --model` uses it."""
    with serving(FileServer(body=u2netp_file.read_bytes())) as server:
        monkeypatch.setenv("CUTOUTS_MIRROR", f"{server.url}/networks/")
        assert "u2netp: pulled and verified" in run("pull", "u2netp").output
        assert "was here, verified" in run("pull", "u2netp", "default").output
    assert [path for path, _ in server.asked] == ["/networks/u2netp.onnx"]
    assert [path.name for path in models.iterdir()] == ["u2netp.onnx"]
    photograph = product(tmp_path / "ball.jpg", size=200)
    command = ["cut", str(photograph), "-o", str(tmp_path / "ball.png"), "--model", "u2netp"]
    assert CliRunner().invoke(cli, command, catch_exceptions=False).exit_code == 0
    cut = cv2.imread(str(tmp_path / "ball.png"), cv2.IMREAD_UNCHANGED)
    assert cut is not None
    assert (cut[0, 0, 3], cut[100, 100, 3]) == (0, 255)


def test_a_row_of_ones_own_may_have_a_url(models: Path, tmp_path: Path) -> None:
    """What one machine added, another pulls from the house's own server."""
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


def test_what_is_not_for_commerce_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When pulled, before anything is asked of the web, and when used; where the site allows it, it is only missing."""
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


def test_a_wrong_file_is_refused_in_words(models: Path) -> None:
    """The mirror lies; nothing is left."""
    with serving(FileServer(body=b"not the network")) as server:
        result = run("pull", "u2netp", "--mirror", server.url)
    assert result.exit_code == 1
    assert "is not u2netp: sha256" in result.output
    assert list(models.iterdir()) == []


def test_what_the_graph_says_need_not_be_said_again(tmp_path: Path, models: Path) -> None:
    """Size, type, outputs, that the last step is a sigmoid, and that seven maps are a U²-Net."""
    seven(tmp_path / "mine.onnx", size=8)
    result = run("add", tmp_path / "mine.onnx", *LICENCE)
    assert result.exit_code == 0, result.output
    assert "taken for a U²-Net" in result.output
    (row,) = own_rows(str(models))
    assert (row.name, row.width_px, row.layout, row.outputs, row.output_layout) == (
        "mine",
        8,
        "nchw-float32",
        7,
        "n1hw",
    )
    assert (row.activation, row.divide_by, row.mean) == ("probability", "own maximum", (0.485, 0.456, 0.406))
    assert (models / "mine.onnx").read_bytes() == (tmp_path / "mine.onnx").read_bytes()


def test_what_was_added_cuts_and_is_listed(tmp_path: Path, models: Path) -> None:
    """The row serves every command; a second network of the name is refused and changes nothing."""
    tiny(tmp_path / "mine.onnx")
    assert run("add", tmp_path / "mine.onnx", "--activation", "probability", *LICENCE).exit_code == 0
    command = ["cut", str(product(tmp_path / "a.jpg")), "-o", str(tmp_path / "a.png"), "--model", "mine"]
    assert CliRunner().invoke(cli, command, catch_exceptions=False).exit_code == 0
    assert "own" in next(line for line in run("list").output.splitlines() if line.startswith("mine "))
    table = (models / OWN_TABLE).read_text()
    for name in ("mine", "default"):
        again = run("add", tmp_path / "mine.onnx", "--name", name, "--activation", "probability", *LICENCE)
        assert again.exit_code == 1
        assert "already" in again.output
    assert (models / OWN_TABLE).read_text() == table


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path, models: Path) -> None:
    """Where there is no terminal to ask on."""
    seven(tmp_path / "mine.onnx", size="side", sigmoid=False, outputs=2)
    result = run("add", tmp_path / "mine.onnx")
    assert result.exit_code == 2
    for option in ("--size", "--mean", "--std", "--licence", "--commercial or --non-commercial"):
        assert option in result.output
    assert "--activation" not in result.output  # the last step is an addition
    assert not models.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--activation", "probability"], "no probability: from -1.5"),
        (["--activation", "logit", "--non-commercial"], "allow_noncommercial"),
        (["--output", "7"], "no output 7"),
        (["--size", "8x8"], "its input is"),
        (["--mean", "0,0"], "expected R,G,B"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, models: Path, options: list[str], words: str
) -> None:
    """The graph is opened and run once before its row counts."""
    seven(tmp_path / "mine.onnx", sigmoid=False)
    usual = ["--mean", ".485,.456,.406", "--std", ".229,.224,.225", *LICENCE]
    result = run("add", tmp_path / "mine.onnx", *usual, *options)
    assert result.exit_code != 0
    assert words in result.output
    assert not models.exists()


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    """They could not be verified."""
    tiny(tmp_path / "mine.onnx")
    model = onnx.load(tmp_path / "mine.onnx")
    onnx.save(model, tmp_path / "split.onnx", save_as_external_data=True, size_threshold=0, location="weights.bin")
    assert "keeps weights in other files" in run("add", tmp_path / "split.onnx", *LICENCE).output


@pytest.mark.parametrize("content", [b"nonsense", b""])
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    """In words."""
    (tmp_path / "mine.onnx").write_bytes(content)
    result = run("add", tmp_path / "mine.onnx", *LICENCE)
    assert result.exit_code == 1
    assert "is no ONNX graph" in result.output


def test_on_a_terminal_the_rest_is_asked_for(tmp_path: Path, models: Path) -> None:
    """Each question with what is usual; the answers become the row."""
    seven(tmp_path / "mine.onnx", size="side", sigmoid=False, outputs=2)
    answers = [
        ("Width and height", "8x8"), ("stretched", "letterbox"), ("Mean per channel", "0,0,0"),
        ("Standard deviation", "1,1,1"), ("Divided first", ""), ("Colour space", "bgr"),
        ("Licence", "MIT"), ("commercial use", "y"), ("Where it comes from", "a test"),
    ]  # fmt: skip
    shown = converse(["models", "add", str(tmp_path / "mine.onnx")], answers)
    assert "its row is in" in shown
    (row,) = own_rows(str(models))
    assert (row.width_px, row.resize, row.divide_by, row.colour_space) == (8, "letterbox", "255", "bgr")
    assert (row.activation, row.licence, row.commercial, row.about) == ("logit", "MIT", True, "a test")


def converse(arguments: list[str], answers: list[tuple[str, str]], seconds: float = 60) -> str:
    """What `cutouts` shows on a terminal of its own, where each question that contains the words gets its answer."""
    master, slave = pty.openpty()
    command = [str(Path(sys.executable).parent / "cutouts"), *arguments]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "COLUMNS": "200"})
    os.close(slave)
    shown, unread, waiting = "", "", list(answers)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(master, 4096).decode(errors="replace")
        except OSError:  # Linux: the other side has closed
            break
        shown, unread = shown + piece, unread + piece
        if waiting and waiting[0][0] in unread and unread.rstrip().endswith(":"):
            os.write(master, f"{waiting.pop(0)[1]}\n".encode())
            unread = ""
    os.close(master)
    assert process.wait(timeout=10) == 0, shown
    return shown


def test_verify_opens_what_is_here_and_only_names_the_rest(tmp_path: Path) -> None:
    """All well: status 0."""
    tiny(tmp_path / "mine.onnx")
    run("add", tmp_path / "mine.onnx", "--activation", "probability", *LICENCE)
    result = run("verify")
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.output.splitlines()] == [
        "ok   default",
        "ok   default-int8",
        "ok   mine",
        "     not pulled",
    ]


def test_verify_finds_what_was_changed_or_lost(tmp_path: Path, models: Path) -> None:
    """A byte more, a file that is gone, a row that lies: each is told, and the status is 1."""
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
    assert "not the file of the table" in told["changed"]
    assert "is not at" in told["lost"]
    assert "its input is" in told["wrong"]
    assert run("verify", "default").exit_code == 0


def test_a_card_says_everything() -> None:
    """The written card where there is one, and the row."""
    assert "# Model card: `default`" in run("card", "default").output
    card = run("card", "bria-rmbg-2.0").output
    assert "CC BY-NC 4.0" in card
    assert "5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958" in card
    assert "there is no model 'nobody'" in run("card", "nobody").output


def saliency(name: str, models: Path, image: Floats | np.ndarray) -> Floats:
    """What a network of the table says."""
    row = find(name, str(models))
    return Network(ModelChoice(row=row, models=str(models))).saliency([image])[0]


def test_half_precision_says_nearly_the_same(tmp_path: Path, models: Path) -> None:
    """A network of its own, in the table, that takes and gives what the first does; a second time is refused."""
    assert run("convert", "default", "--fp16").exit_code == 0
    photograph = cv2.imread(str(product(tmp_path / "a.png", size=find("default", str(models)).width_px)))
    image = np.asarray(photograph, np.uint8)
    one, other = saliency("default", models, image), saliency("default-fp16", models, image)
    assert one.max() > 0.99
    assert 0 < np.abs(one - other).max() < 0.01
    assert find("default-fp16", str(models)).file == "default-fp16.onnx"
    assert "already" in run("convert", "default", "--fp16").output


def test_half_precision_of_the_real_u2netp(tmp_path: Path, models: Path, u2netp_file: Path) -> None:
    """Half the bytes, where --out says, under the name that --name says."""
    models.mkdir()
    (models / "u2netp.onnx").write_bytes(u2netp_file.read_bytes())
    out = tmp_path / "elsewhere" / "half.onnx"
    assert run("convert", "u2netp", "--fp16", "-o", out, "--name", "half").exit_code == 0
    assert out.stat().st_size < 0.55 * u2netp_file.stat().st_size
    image = np.random.default_rng(0).normal(size=(3, 320, 320)).astype(np.float32)
    assert np.abs(saliency("u2netp", models, image) - saliency("half", models, image)).max() < 0.03


def test_a_conversion_has_to_be_named() -> None:
    """There is one kind today; what is made is said, not guessed."""
    result = run("convert", "default")
    assert result.exit_code == 2
    assert "--fp16" in result.output


def test_listing_waits_for_no_runtime() -> None:
    """Neither ONNX nor a web client is imported to show the table."""
    script = """
import sys
sys.argv = ["cutouts", "models", "list"]
from pipeline.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.splitlines()[-1].split()) & {"onnx", "onnxruntime", "requests", "numpy", "cv2"}
