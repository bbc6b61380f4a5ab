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


def test_an_unknown_name_and_a_missing_picture_are_errors(tmp_path: Path) -> None:
    """The first error lists what is known, the second names the file."""
    with pytest.raises(ConfigError, match="amazon: unknown; known are aboutyou-main, amazon-main"):
        renditions_named(["amazon"])
    own = tmp_path / "own.toml"
    own.write_text('[mine]\nground_image = "wall.png"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wall\.png"):
        known_renditions(own)
