"""`cutouts.run` as a program uses it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import cutouts
from cutouts.adapters.catalog import Catalog
from cutouts.api.site_runs import run_on_site
from cutouts.core.errors import ManifestError, OutputError, TransientError
from tests.photographs import blank, broken, product

SERIAL = cutouts.Site(cluster="serial")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Four good photographs, one without a product, a cut-off one, and a file that is not an image."""
    folder = tmp_path / "shop"
    for seed in range(4):
        product(folder / f"{seed}.jpg", seed=seed)
    blank(folder / "plain.jpg")
    broken(folder / "half.jpg")
    (folder / "notes.txt").write_text("not an image")
    return folder


class Watcher:
    """Records what a run reports."""

    def __init__(self) -> None:
        self.phases: dict[str, int] = {}
        self.heard: Counter[str] = Counter()

    @contextmanager
    def __call__(self, doing: str, total: int) -> Iterator[Watcher]:
        """Note a phase."""
        self.phases[doing] = total
        yield self

    def add(self, fate: str, images: int = 1) -> None:
        """Record an image."""
        self.heard[fate] += images


def test_a_run_reports_what_became_of_each_image(shop: Path, tmp_path: Path) -> None:
    """Its counts add up and match summary.json, skipped files are reported, and the outputs exist."""
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
    """Published images are skipped without calling the network."""
    cutouts.run(shop, tmp_path / "out", site=SERIAL)
    product(shop / "new.jpg", seed=9)
    summary = cutouts.run(str(shop), str(tmp_path / "out"), site=SERIAL)
    assert (summary.images, summary.skipped, summary.published, summary.model_batches) == (7, 4, 1, 1)


def test_a_run_into_a_folder_of_another_run_is_refused_until_that_has_ended(shop: Path, tmp_path: Path) -> None:
    """Both would write the same report. The first one is not disturbed, and afterwards the second one continues."""
    refused: list[TransientError] = []

    class Second(Watcher):
        def add(self, fate: str, images: int = 1) -> None:
            super().add(fate, images)
            with pytest.raises(TransientError, match="another run writes to") as caught:
                cutouts.run(shop, tmp_path / "out", site=SERIAL)
            refused.append(caught.value)

    summary = cutouts.run(shop, tmp_path / "out", site=SERIAL, progress=Second())
    assert refused
    assert summary.published == len(list(summary.cutouts.glob("*.png"))) == 4
    assert cutouts.run(shop, tmp_path / "out", site=SERIAL).skipped == 4


def test_progress_covers_every_image(shop: Path, tmp_path: Path) -> None:
    """It states the number of images of each phase and then what became of each."""
    watcher = Watcher()
    cutouts.run(shop, tmp_path / "out", site=SERIAL, progress=watcher)
    assert watcher.phases == {"reading": 6, "cutting": 6}
    assert watcher.heard == {"read": 6, "cut": 5, "rejected": 1}


def test_a_run_writes_only_below_its_folder(shop: Path, tmp_path: Path) -> None:
    """The site's settings for its stores do not apply to it."""
    elsewhere = tmp_path / "elsewhere"
    site = cutouts.Site(cluster="serial", root=str(elsewhere), tables=str(elsewhere / "tables"))
    cutouts.run(shop, tmp_path / "out", site=site)
    assert not elsewhere.exists()


def test_an_unusable_folder_is_an_error(tmp_path: Path) -> None:
    """It has no images, or it is also the output; nothing is created."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="there are no images"):
        cutouts.run(tmp_path / "empty", tmp_path / "out", site=SERIAL)
    product(tmp_path / "full" / "a.jpg")
    with pytest.raises(OutputError, match="is the source itself"):
        cutouts.run(tmp_path / "full", tmp_path / "full", site=SERIAL)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("out", ["s3://bucket/result", "file:///srv/result", "notes.txt", "notes.txt/result"])
def test_results_need_a_folder_of_this_machine(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    """A URL would become a folder named `s3:`, and everybody would look for the results in the bucket."""
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError):
        cutouts.run(shop, out)
    with pytest.raises(OutputError):
        cutouts.Cutter().cut_file(next(shop.rglob("*.jpg")), f"{out}/a.png")
    assert [one.name for one in tmp_path.iterdir() if one != shop] == ["notes.txt"]


def test_a_run_on_a_site_makes_the_renditions_of_its_deliveries(tmp_path: Path) -> None:
    """Of what it published, and not of other deliveries, whose pictures wait for `cutouts render --all-stale`."""
    for name in ("first", "second"):
        product(tmp_path / name / "ball.jpg", size=600)
    site = cutouts.Site(cluster="serial", root=str(tmp_path / "site"))
    assert run_on_site(tmp_path / "first", site=site).renditions == ()
    site = site.model_copy(update={"renditions": ("web-card", "google-main")})
    made = run_on_site(tmp_path / "second", site=site).renditions
    assert [(row.name, row.published, row.failed) for row in made] == [("web-card", 1, 0), ("google-main", 1, 0)]
    with Catalog.open(site.catalog_url) as catalog:
        assert {entry.delivery_id for entry in catalog.renditions.entries()} == {"second"}


def test_the_renditions_of_the_site_are_made_and_reported(tmp_path: Path) -> None:
    """After publishing; the report has a row for each, with the rule that a picture breaks."""
    product(tmp_path / "in" / "ball.jpg")
    site = cutouts.Site(cluster="serial", renditions=("web-card", "amazon-main"))
    done = cutouts.run(tmp_path / "in", out=tmp_path / "out", site=site)
    page = done.report.read_text(encoding="utf-8")
    assert '<th scope="row">web-card</th><td class="n">1</td><td class="n">0</td>' in page
    assert '<th scope="row">amazon-main</th><td class="n">0</td><td class="n">1</td>' in page
    assert "zoom-size" in page
