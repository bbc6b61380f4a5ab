"""What a cutout's file is called."""

from __future__ import annotations

import pytest

from pipeline.core.naming import png_names


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["sub/a.jpg"], ["sub/a.png"]),
        (["a.jpg", "a.webp", "b.jpg"], ["a.jpg.png", "a.webp.png", "b.png"]),
        (["a/x.jpg", "b/x.jpg"], ["a/x.png", "b/x.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png", "a.png.png", "a.jpg.png.png"]),
        (["shoe.v1.jpg"], ["shoe.v1.png"]),
    ],
)
def test_only_names_that_would_meet_keep_their_suffix(sources: list[str], names: list[str]) -> None:
    """No two sources get the same name, and nobody else's name changes."""
    assert [png_names(sources)[source] for source in sources] == names
