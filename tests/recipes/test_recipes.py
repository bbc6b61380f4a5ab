"""The shipped renditions, and those of a user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.core.errors import ConfigError
from cutouts.recipes import known_renditions, renditions_named


def test_the_shipped_renditions_are_valid() -> None:
    """There is one for each marketplace, on white, and its name is in the file."""
    known = known_renditions()
    assert {"amazon-main", "google-main", "walmart-main", "ebay-main", "shopify"} <= set(known)
    assert all(known[name].ground == (255, 255, 255) for name in known if name.endswith("-main"))


def test_a_file_of_ones_own_adds_and_overrides(tmp_path: Path) -> None:
    """Its renditions join the shipped ones; a picture for the ground is read beside it."""
    (tmp_path / "wall.png").write_bytes(b"picture")
    own = tmp_path / "own.toml"
    own.write_text('[amazon-main]\nfill = 0.5\n[mine]\nground_image = "wall.png"\n', encoding="utf-8")
    assert renditions_named(["amazon-main"], own)[0].fill_share == 0.5
    (mine,) = renditions_named(["mine", "mine"], own)
    assert mine.ground_image == b"picture"


def test_rules_of_an_unknown_channel_are_refused_with_those_that_exist(tmp_path: Path) -> None:
    """A slip of the pen would otherwise be found when the first pictures are checked."""
    own = tmp_path / "own.toml"
    own.write_text('[mine]\nrules = "amazn"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.rules: amazn is unknown; known are aboutyou, amazon, ebay"):
        known_renditions(own)


def test_a_file_that_a_windows_editor_saved_is_read(tmp_path: Path) -> None:
    """It begins with a byte order mark. Another encoding is an error that says which one is right."""
    own = tmp_path / "own.toml"
    own.write_text("[mine]\r\nfill = 0.5\r\n", encoding="utf-8-sig")
    assert known_renditions(own)["mine"].fill_share == 0.5
    own.write_text("[mine]\n", encoding="utf-16")
    with pytest.raises(ConfigError, match="not text in UTF-8: save it with this encoding"):
        known_renditions(own)


def test_an_unknown_name_and_a_missing_picture_are_errors(tmp_path: Path) -> None:
    """The first error lists what is known, the second names the file."""
    with pytest.raises(ConfigError, match="amazon: unknown; known are aboutyou-main, amazon-main"):
        renditions_named(["amazon"])
    own = tmp_path / "own.toml"
    own.write_text('[mine]\nground_image = "wall.png"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wall\.png"):
        known_renditions(own)
