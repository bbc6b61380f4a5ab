"""`cutouts models add`: what the graph says, what is asked for and what is refused."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from cutouts.cli import cli
from cutouts.models import OWN_TABLE, own_rows
from tests.models_command import LICENCE, run
from tests.photographs import product
from tests.tiny_networks import seven, tiny
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("models")


def test_what_the_graph_states_is_not_asked_for(tmp_path: Path, models: Path) -> None:
    """It states size, type and outputs, a final sigmoid, and by seven maps a U²-Net."""
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


def test_an_added_network_cuts_and_is_listed(tmp_path: Path, models: Path) -> None:
    """Every command can use it; a second network of the same name is refused and changes nothing."""
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


def test_a_file_of_the_models_folder_is_never_replaced(tmp_path: Path, models: Path) -> None:
    """If it is this very network, it only gets its row."""
    tiny(tmp_path / "mine.onnx")
    models.mkdir()
    (models / "mine.onnx").write_bytes(b"somebody's")
    options = ("--activation", "probability", *LICENCE)
    refused = run("add", tmp_path / "mine.onnx", *options)
    assert refused.exit_code == 1
    assert "give another --name, or move the file away" in refused.output
    assert (models / "mine.onnx").read_bytes() == b"somebody's"
    assert not (models / OWN_TABLE).exists()
    (models / "mine.onnx").write_bytes((tmp_path / "mine.onnx").read_bytes())
    assert run("add", models / "mine.onnx", *options).exit_code == 0


def test_every_missing_option_is_named_at_once(tmp_path: Path, models: Path) -> None:
    """This happens if there is no terminal to ask on."""
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
        (["--activation", "probability"], "not a probability: it ranges from -1.5"),
        (["--activation", "logit", "--non-commercial"], "allow_noncommercial"),
        (["--output", "7"], "output 7, counted from 0, does not exist"),
        (["--size", "8x8"], "its input is"),
        (["--mean", "0,0"], "expected R,G,B"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_before_anything_is_written(
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
def test_a_file_that_is_not_a_graph_is_refused_with_a_message(tmp_path: Path, content: bytes) -> None:
    """The message says what is wrong."""
    (tmp_path / "mine.onnx").write_bytes(content)
    result = run("add", tmp_path / "mine.onnx", *LICENCE)
    assert result.exit_code == 1
    assert "is not an ONNX graph" in result.output


def test_missing_options_are_asked_for_on_a_terminal(tmp_path: Path, models: Path) -> None:
    """Each question shows the usual answer, and the answers become the row."""
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


def converse(arguments: list[str], answers: list[tuple[str, str]], seconds: float = PATIENCE) -> str:
    """What `cutouts` shows on a terminal, where each question that contains a key gets its answer."""
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
    assert process.wait(timeout=PATIENCE) == 0, shown
    return shown
