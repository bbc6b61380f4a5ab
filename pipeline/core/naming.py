"""What a cutout's file is called after its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath


def png_names(sources: Sequence[str]) -> dict[str, str]:
    """The PNG's relative path for each relative source path: `sub/a.jpg` becomes `sub/a.png`.

    Only sources that would meet under one name keep their suffix (`a.jpg.png`, `a.webp.png`). No two get the same.
    """
    names = {source: PurePosixPath(source).with_suffix(".png").as_posix() for source in sources}
    while True:
        counts = Counter(names.values())
        meeting = [source for source, name in names.items() if counts[name] > 1 and name != f"{source}.png"]
        if not meeting:
            return names
        names.update({source: f"{source}.png" for source in meeting})
