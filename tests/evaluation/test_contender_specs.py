"""How contenders are written on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.core.errors import ConfigError
from cutouts.evaluation.contender_specs import How, Spec, contenders, parse


@pytest.mark.parametrize(
    ("text", "name", "how", "label"),
    [
        ("default", "default", How.RECIPE, "default"),
        ("default:bare", "default", How.BARE, "default:bare"),
        ("u2netp:rembg", "u2netp", How.REMBG, "u2netp:rembg"),
        ("default:recipe", "default", How.RECIPE, "default"),
        ("bare", "bare", How.RECIPE, "bare"),
        ("a:b", "a:b", How.RECIPE, "a:b"),
    ],
)
def test_a_network_of_the_table_and_how_it_is_run(text: str, name: str, how: How, label: str) -> None:
    """Text after the last colon counts only if it is a way to run a network."""
    spec = parse(text)
    assert (spec.name, spec.path, spec.how, spec.label) == (name, None, how, label)


def test_a_file_can_be_run_in_each_way(tmp_path: Path) -> None:
    """It is NAME=FILE, with or without a way."""
    file = tmp_path / "c:net.onnx"
    file.touch()
    assert parse(f"mine={file}") == Spec(name="mine", path=file)
    assert parse(f"mine={file}:bare") == Spec(name="mine", path=file, how=How.BARE)


@pytest.mark.parametrize("text", ["", "=x.onnx", "mine=", ":bare", "mine=/not/there.onnx"])
def test_an_invalid_spec_is_refused(text: str) -> None:
    """The message says what is expected or missing."""
    with pytest.raises(ConfigError, match=r"expected NAME|is not there"):
        parse(text)


def test_a_file_is_measured_once(tmp_path: Path) -> None:
    """What is compared is measured too, once each, and a name keeps its file."""
    file = tmp_path / "net.onnx"
    file.touch()
    specs, pair = contenders([f"mine={file}", "default"], ["default", "mine:bare"])
    assert [spec.label for spec in specs] == ["mine", "default", "mine:bare"]
    assert pair == ["default", "mine:bare"]
    assert specs[2].path == file


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """A label has to be unambiguous."""
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match="x names two different files"):
        contenders([f"x={tmp_path / 'a.onnx'}", f"x={tmp_path / 'b.onnx'}"], [])
