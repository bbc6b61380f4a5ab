"""`cutouts check` as a person uses it."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from cutouts.cli import cli


def check(*arguments: object) -> Result:
    """Run `cutouts check` in this process."""
    return CliRunner().invoke(cli, ["check", *map(str, arguments)], catch_exceptions=False)


def test_broken_rules_are_named_file_by_file(tmp_path: Path) -> None:
    """A good file is ok; a small one is refused with rule and figure; what cannot be read is counted."""
    good = np.full((300, 300, 3), 255, np.uint8)
    good[50:250, 50:250] = 90
    cv2.imwrite(str(tmp_path / "good.png"), good)
    cv2.imwrite(str(tmp_path / "long.png"), np.full((8, 4500, 3), 255, np.uint8))
    result = check(tmp_path, "--channel", "shopify")
    assert result.exit_code == 1
    assert f"{tmp_path / 'good.png'}: ok" in result.output
    assert "critical: largest-size: no side has more than 4,472 px; longest_px is 4,500" in result.output
    assert "2 files for shopify: 1 refused, 0 unreadable" in result.output
    assert check(tmp_path / "good.png", "--channel", "shopify").exit_code == 0
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    assert (
        "1 file for shopify: 0 refused, 1 unreadable" in check(tmp_path / "broken.jpg", "--channel", "shopify").output
    )


def test_a_file_above_the_limit_is_not_called_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size, the limit and the setting are told; with the setting, it is checked."""
    file = tmp_path / "large.png"
    picture = np.full((300, 400, 3), 255, np.uint8)
    picture[60:240, 80:320] = 90
    cv2.imwrite(str(file), picture)
    monkeypatch.setenv("CUTOUTS_MAX_PIXELS", "119999")
    result = check(file, "--channel", "shopify")
    assert result.exit_code == 1
    assert f"{file}: not checked: it has 400×300 px, more than max_pixels (119999)" in result.output
    assert "1 file for shopify: 0 refused, 0 unreadable, 1 too large to check" in result.output
    (needed,) = re.findall(r"CUTOUTS_MAX_PIXELS=(\d+)", result.output)
    monkeypatch.setenv("CUTOUTS_MAX_PIXELS", needed)
    assert (
        "1 file for shopify: 0 refused, 0 unreadable, 0 too large to check"
        in check(file, "--channel", "shopify").output
    )


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    """Nothing was checked, so nothing passes."""
    result = check(tmp_path, "--channel", "shopify")
    assert result.exit_code == 2
    assert f"no picture in {tmp_path}" in result.output


def test_channels_and_sources_are_listed() -> None:
    """With the source of each rule; without a channel it is an error of usage."""
    listed = check("--list").output
    assert "amazon: Amazon, main image" in listed
    assert "support.google.com/merchants/answer/6324350; applies from 2027-01-31" in listed
    assert check(".").exit_code == 2
