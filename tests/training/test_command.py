"""`cutouts train` as a person calls it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.core.errors import ConfigError
from pipeline.training.command import train


def test_the_help_is_there_without_pytorch() -> None:
    """Whoever has not set the training up yet reads how to."""
    result = CliRunner().invoke(train, ["--help"])
    assert result.exit_code == 0
    assert "make setup-train" in result.output


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is here")
def test_without_pytorch_it_says_where_to_get_it(tmp_path: Path) -> None:
    """No traceback of a missing module."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "make setup-train" in str(result.exception)


@pytest.mark.parametrize("legs", ["1:100:2", "0.5:64:2", "nonsense"])
def test_legs_that_make_no_plan_are_refused_before_anything_is_decoded(tmp_path: Path, legs: str) -> None:
    """As a usage error that names the option."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--legs", legs])
    assert result.exit_code == 2
    assert "--legs" in result.output


def test_no_minutes_and_nothing_to_start_from_is_refused(tmp_path: Path) -> None:
    """There would be no network to write."""
    result = CliRunner().invoke(train, ["--data", str(tmp_path), "--minutes", "0"])
    assert result.exit_code == 2
    assert "--start" in result.output
