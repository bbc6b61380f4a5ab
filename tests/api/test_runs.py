"""`cutouts.run` as a program uses it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import cutouts
from cutouts.core.errors import ManifestError, OutputError
from tests.photographs import blank, broken, product

SERIAL = cutouts.Site(cluster="serial")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Four good photographs, one without a product, one that is cut off, and a file that is not an image."""
    folder = tmp_path / "shop"
    for seed in range(4):
        product(folder / f"{seed}.jpg", seed=seed)
    blank(folder / "plain.jpg")
    broken(folder / "half.jpg")
    (folder / "notes.txt").write_text("not an image")
    return folder


class Watcher:
    """Keeps what it hears of a run."""

    def __init__(self) -> None:
        self.phases: dict[str, int] = {}
        self.heard: Counter[str] = Counter()

    @contextmanager
    def __call__(self, doing: str, total: int) -> Iterator[Watcher]:
        """Hear of a phase."""
        self.phases[doing] = total
        yield self

    def add(self, fate: str, images: int = 1) -> None:
        """Keep it."""
        self.heard[fate] += images


def test_a_run_says_what_became_of_each_image(shop: Path, tmp_path: Path) -> None:
    """Its counts add up and are those of summary.json; what was passed over is told; the files are there."""
    summary = cutouts.run(shop, tmp_path / "out", site=SERIAL)
    assert (summary.images, summary.published, summary.quarantined, summary.rejected) == (6, 4, 1, 1)
    assert (summary.ignored, summary.unlisted, summary.refused) == ("1 other file ignored", (), ())
    told = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert told == {name: getattr(summary, name) for name in told}
    assert [decision.published for decision in summary.decisions] == [4]
    assert summary.report.is_file()
    assert summary.table.is_file()
    assert len(list(summary.cutouts.glob("*.png"))) == 4


def test_a_second_run_does_only_what_is_new(shop: Path, tmp_path: Path) -> None:
    """What was published is skipped, and the network is not called for it."""
    cutouts.run(shop, tmp_path / "out", site=SERIAL)
    product(shop / "new.jpg", seed=9)
    summary = cutouts.run(str(shop), str(tmp_path / "out"), site=SERIAL)
    assert (summary.images, summary.skipped, summary.published, summary.model_batches) == (7, 4, 1, 1)


def test_progress_hears_of_every_image(shop: Path, tmp_path: Path) -> None:
    """Of each phase its number of images, then of every image what became of it."""
    watcher = Watcher()
    cutouts.run(shop, tmp_path / "out", site=SERIAL, progress=watcher)
    assert watcher.phases == {"reading": 6, "cutting": 6}
    assert watcher.heard == {"read": 6, "cut": 5, "rejected": 1}


def test_a_run_writes_below_its_folder_alone(shop: Path, tmp_path: Path) -> None:
    """Whatever the site says of its stores, the run's are its folder's."""
    elsewhere = tmp_path / "elsewhere"
    site = cutouts.Site(cluster="serial", root=str(elsewhere), tables=str(elsewhere / "tables"))
    cutouts.run(shop, tmp_path / "out", site=site)
    assert not elsewhere.exists()


def test_what_cannot_be_worked_on_is_an_error(tmp_path: Path) -> None:
    """A folder without images, and one that is to be written into itself; nothing is made then."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="there are no images"):
        cutouts.run(tmp_path / "empty", tmp_path / "out", site=SERIAL)
    product(tmp_path / "full" / "a.jpg")
    with pytest.raises(OutputError, match="is the source itself"):
        cutouts.run(tmp_path / "full", tmp_path / "full", site=SERIAL)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["a.jpg"]
