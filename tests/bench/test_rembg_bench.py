"""Our command and another program cut the same folder in turns, and the ratios are those of each round."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from cutouts.bench.machine import this_machine
from cutouts.bench.rembg_bench import Race, Timed, commands
from cutouts.cli.measuring.bench import bench as command
from cutouts.core.errors import ConfigError, ModelError

PROGRAM = """#!{python}
import sys
from pathlib import Path
import cv2
assert sys.argv[1:4] == ["p", "-m", "default"]
for photograph in Path(sys.argv[4]).glob("*.jpg"):
    {work}
"""


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two small photographs."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((40, 30, 3), 200, np.uint8))
    return folder


def program(tmp_path: Path, work: str) -> Path:
    """A program that is called as rembg is, and does `work` for each photograph."""
    path = tmp_path / "rembg"
    path.write_text(PROGRAM.format(python=sys.executable, work=work))
    path.chmod(0o755)
    return path


def test_both_commands_cut_the_folder_in_turns(photographs: Path, tmp_path: Path) -> None:
    """Each round runs both commands, and the file holds their seconds, bytes and ratios."""
    rembg = program(tmp_path, 'cv2.imwrite(f"{sys.argv[5]}/{photograph.stem}.png", cv2.imread(str(photograph)))')
    options = ["--rembg", str(rembg), "--network", "default", "--models", "", "--rounds", "2"]
    arguments = ["rembg", str(photographs), *options, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "out" / "rembg.json").read_text())
    assert [one["name"] for one in written["commands"]] == ["cutouts, default", "rembg, default"]
    assert all(len(one["seconds"]) == 2 and one["written"] > 0 for one in written["commands"])


def test_a_program_that_skips_images_is_not_timed(photographs: Path, tmp_path: Path) -> None:
    """A command without a PNG for each image is an error, because its time means nothing."""
    arguments = ["rembg", str(photographs), "--rembg", str(program(tmp_path, "pass")), "--network", "default"]
    with pytest.raises(ConfigError, match="wrote 0 PNGs for 2 images"):
        CliRunner().invoke(
            command, [*arguments, "--models", "", "--out", str(tmp_path / "out")], catch_exceptions=False
        )


def test_a_network_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The error says how to get it."""
    with pytest.raises(ModelError, match="cutouts models pull u2netp"):
        list(commands([], "u2netp", rembg=tmp_path / "rembg", folder=str(tmp_path), scratch=tmp_path))


def test_ratios_are_those_within_a_round() -> None:
    """If a round was slow for both, its ratio is unchanged."""
    ours = Timed(name="ours", seconds=(1.0, 10.0), written=1)
    theirs = Timed(name="theirs", seconds=(4.0, 20.0), written=1)
    race = Race(machine=this_machine(), images=1, network="u2netp", commands=(ours, theirs))
    assert race.times_faster(ours) == (2.0, 3.0, 4.0)
