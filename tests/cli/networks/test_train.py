"""`cutouts train` as a person uses it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.adapters.storage.ownership import claim
from cutouts.cli.networks.train import stopped_by_signals, train
from cutouts.core.errors import ConfigError


def test_the_help_works_without_pytorch() -> None:
    """Users read it before they set the training up."""
    result = CliRunner().invoke(train, ["--help"])
    assert result.exit_code == 0
    assert "make setup-train" in result.output


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is here")
def test_without_pytorch_the_error_says_how_to_install_it(tmp_path: Path) -> None:
    """There is no traceback of a missing module."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "make setup-train" in str(result.exception)


def test_pytorch_that_cannot_be_loaded_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the build for GPUs without the libraries of CUDA."""
    (tmp_path / "torch.py").write_text("raise ImportError('libcudnn.so.9: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    result = CliRunner().invoke(train, ["--data", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "libcudnn.so.9" in str(result.exception)
    assert "make setup-train" in str(result.exception)


@pytest.mark.parametrize("phases", ["1:100:2", "0.5:64:2", "nonsense"])
def test_invalid_phases_are_refused_before_anything_is_decoded(tmp_path: Path, phases: str) -> None:
    """They are a usage error that names the option."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--phases", phases])
    assert result.exit_code == 2
    assert "--phases" in result.output


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch lives in the training's own environment")
def test_a_misspelt_fold_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    """The error shows how a fold is spelled."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--leave-out", "shoes"])
    assert isinstance(result.exception, ConfigError)
    assert "expected source:NAME or kind:NAME" in str(result.exception)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch lives in the training's own environment")
def test_a_training_does_not_continue_from_data_that_it_leaves_out(tmp_path: Path) -> None:
    """It could no longer be measured on the fold."""
    claim(tmp_path / "run", ("checkpoint.pt", "left-out.txt"))
    (tmp_path / "run/checkpoint.pt").touch()
    (tmp_path / "run/left-out.txt").write_text("kind:shoes\n", encoding="utf-8")
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--run", str(tmp_path / "run")])
    assert isinstance(result.exception, ConfigError)
    assert "then: kind:shoes" in str(result.exception)


def test_no_minutes_without_a_starting_network_is_refused(tmp_path: Path) -> None:
    """There would be no network to write."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--minutes", "0"])
    assert result.exit_code == 2
    assert "--start" in result.output


def test_no_minutes_and_the_last_checkpoint_exclude_each_other(tmp_path: Path) -> None:
    """Each would write network.onnx, from different networks."""
    start = tmp_path / "a.onnx"
    start.touch()
    asked = ["--data", str(tmp_path), "--minutes", "0", "--start", str(start), "--export-only"]
    result = CliRunner().invoke(train, asked)
    assert result.exit_code == 2
    assert "--export-only" in result.output


def test_presence_alone_is_not_trained_from_imagenet_weights(tmp_path: Path) -> None:
    """There are no trained masks to keep."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--only-presence"])
    assert result.exit_code == 2
    assert "--start" in result.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "give one --start"),
        (["--start", "a.onnx", "--start", "b.onnx"], "give one --start"),
        (["--start", "a.onnx", "--only-presence"], "no --only-presence"),
        (["--start", "a.onnx", "--minutes", "0"], "--minutes above 0"),
        (["--start", "a.onnx", "--device", "cuda"], "on a CPU"),
        (["--start", "a.onnx", "--shares", "empty=0.1"], "leave out --shares"),
    ],
)
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch lives in the training's own environment")
def test_a_second_look_needs_one_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], said: str
) -> None:
    """Without it there is a usage error that says what to give."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()
    result = CliRunner().invoke(train, ["--data", ".", "--second-look", *more])
    assert result.exit_code == 2
    assert said in result.output


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    """Python's default Ctrl-C handling, which shells turn off for background processes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_ctrl_c_stops_the_training_and_after_it_the_program() -> None:
    """A training finishes its step; during the export there is nothing to finish."""
    stop = threading.Event()
    with stopped_by_signals(stop):
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
