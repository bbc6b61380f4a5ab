"""examples/cut_folder.py is run on a folder with a photograph and a damaged file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "cut_folder.py"


def _run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def _photograph(path: Path) -> None:
    """A red ball on white ground."""
    pixels = np.full((240, 320, 3), 255, np.uint8)
    cv2.circle(pixels, (160, 120), 70, (40, 40, 200), -1, cv2.LINE_AA)
    cv2.imwrite(str(path), pixels)


def test_it_cuts_good_images_and_names_the_others(tmp_path: Path) -> None:
    """The PNG has alpha at the photograph's size, the damaged file is reported, and the status is 1."""
    photographs = tmp_path / "photos"
    photographs.mkdir()
    _photograph(photographs / "ball.jpg")
    (photographs / "damaged.jpg").write_bytes(b"\xff\xd8\xff nothing else")
    ended = _run("photos", "pngs", folder=tmp_path)
    assert ended.returncode == 1
    assert [line.split(":")[0] for line in ended.stderr.splitlines()] == ["photos/damaged.jpg"]
    assert [path.name for path in (tmp_path / "pngs").iterdir()] == ["ball.png"]
    png = cv2.imread(str(tmp_path / "pngs" / "ball.png"), cv2.IMREAD_UNCHANGED)
    assert png is not None
    assert png.shape == (240, 320, 4)
    assert png[120, 160, 3] == 255
    assert png[5, 5, 3] == 0


def test_without_folders_it_prints_its_usage(tmp_path: Path) -> None:
    """The exit status is 1, with one line."""
    ended = _run(folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("usage: ")
