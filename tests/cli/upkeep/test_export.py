"""`cutouts export`: feeds of the pictures that may be shown."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.catalog import Catalog
from cutouts.cli import cli
from cutouts.core.errors import ConfigError, OutputError
from cutouts.core.feeds.table import PICTURES
from cutouts.core.publications import Draft
from cutouts.core.renditions.records import RenditionEntry
from tests.adapters.catalog.made import MONDAY, NOON, TUESDAY, entry

CDN = "https://cdn.example/objects"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site with the images a, b and c. Pictures of a are good, one of b breaks a rule, and c has none."""
    with Catalog.open(f"sqlite:///{tmp_path}/site/catalog.sqlite") as catalog:
        catalog.publish([entry(name) for name in "abc"], Draft(gate_id="1", plan_id="p", delivery=MONDAY, at=NOON))
        made = [_made("a", "google-main"), _made("a", "web-card"), _made("b", "google-main", "the ground is not white")]
        catalog.renditions.record(made, NOON)
    return tmp_path / "site"


def test_only_pictures_that_pass_are_in_a_feed(root: Path, tmp_path: Path) -> None:
    """The feed of a channel has the pictures of its rendition, with their public addresses."""
    feed = tmp_path / "feed.tsv"
    done = _export(root, "--channel", "google", "-o", feed, "--public-url", CDN)
    assert done.stderr == f"1 picture in {feed}\n"
    rows = [*csv.DictReader(feed.open(), dialect="excel-tab")]
    product = entry("a").product_id
    assert rows == [{"id": product, "image_link": f"{CDN}/a-google-main.jpg", "additional_image_link": ""}]
    xml = _export(root, "--channel", "google", "--format", "xml", "--public-url", CDN).stdout
    assert f"<g:image_link>{CDN}/a-google-main.jpg</g:image_link>" in xml


def test_an_empty_feed_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    """Usually the rendition was never made. The file is written: what was in it may no longer be shown."""
    done = _export(root, "-r", "web-detail", "-o", tmp_path / "none.csv")
    assert "0 pictures in " in done.stderr
    assert "no live image has a web-detail that may be shown: name it in the setting `renditions`" in done.stderr
    assert (tmp_path / "none.csv").is_file()


def test_the_main_pictures_of_a_feed_are_named_by_patterns(root: Path) -> None:
    """If no picture matches, the order of the names decides; a plain table has no main pictures."""
    done = _export(root, "--channel", "google", "--public-url", CDN, "--main", "*front*")
    assert f"{CDN}/a-google-main.jpg" in done.stdout
    wrong = CliRunner().invoke(cli, ["export", "--out", str(root), "--main", "*front*"])
    assert "--main needs --channel" in wrong.output


def test_a_withdrawn_or_replaced_image_leaves_the_feed(root: Path) -> None:
    """As soon as another version of it is live, its old picture is not shown."""
    with Catalog.open(f"sqlite:///{root}/catalog.sqlite") as catalog:
        again = [entry("a", TUESDAY, content="second")]
        catalog.publish(again, Draft(gate_id="2", plan_id="p", delivery=TUESDAY, at=NOON))
    assert _export(root, "--channel", "google", "--public-url", CDN).stdout.splitlines()[1:] == []


def test_a_table_has_every_picture(root: Path, tmp_path: Path) -> None:
    """As CSV, JSON lines and Parquet, with or without addresses."""
    lines = [json.loads(line) for line in _export(root, "--format", "jsonl").stdout.splitlines()]
    assert [(line["image_id"], line["rendition"], line["url"]) for line in lines] == [
        ("a.jpg", "google-main", None),
        ("a.jpg", "web-card", None),
    ]
    _export(root, "-r", "web-card", "-o", tmp_path / "p.parquet", "--public-url", f"{CDN}/")
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.column_names == PICTURES.names
    assert table["url"].to_pylist() == [f"{CDN}/a-web-card.jpg"]
    assert len([*csv.DictReader(_export(root).stdout.splitlines())]) == 2


def test_an_earlier_feed_is_replaced_and_no_other_file(root: Path, tmp_path: Path) -> None:
    """The nightly export writes the same name again. A file that somebody changed is theirs."""
    for name in ("feed.tsv", "pictures.csv", "pictures.parquet"):
        arguments = ("--channel", "google", "--public-url", CDN) if name == "feed.tsv" else ()
        for _ in range(2):
            _export(root, *arguments, "-o", tmp_path / name)
    (tmp_path / "feed.tsv").write_text("mine")
    with pytest.raises(OutputError, match="was not made by cutouts"):
        _export(root, "--channel", "google", "--public-url", CDN, "-o", tmp_path / "feed.tsv")
    assert (tmp_path / "feed.tsv").read_text() == "mine"


def test_a_product_that_google_would_not_take_is_named(root: Path) -> None:
    """It is left out, and the exit status says that something is missing."""
    with Catalog.open(f"sqlite:///{root}/catalog.sqlite") as catalog:
        catalog.publish([entry("x" * 51, TUESDAY)], Draft(gate_id="3", plan_id="p", delivery=TUESDAY, at=NOON))
        catalog.renditions.record([_made("x" * 51, "google-main")], NOON)
    done = CliRunner().invoke(cli, _arguments(root, ["--channel", "google", "--public-url", CDN]))
    assert done.exit_code == 1
    assert done.stderr.startswith("1 picture\n"), "only what is in the feed is counted"
    assert "left out: product" in done.stderr
    assert "characters, 50 are allowed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--channel", "google"], ConfigError, "set public_url"),
        (["--channel", "google", "--public-url", "s3://bucket"], ConfigError, "expected https://HOST/FOLDER"),
        (["--channel", "google", "--public-url", CDN, "-o", "feed.csv"], OutputError, "google reads tsv and xml"),
        (["-o", "feed.tsv"], OutputError, "a table is csv, parquet, jsonl"),
        (["--format", "parquet"], OutputError, "name a file with -o"),
    ],
)
def test_wrong_arguments_are_told(root: Path, arguments: Sequence[str], error: type[Exception], words: str) -> None:
    """Nothing is written."""
    with pytest.raises(error, match=words):
        _export(root, *arguments)


def _made(image: str, rendition: str, *violations: str) -> RenditionEntry:
    its = entry(image)
    return RenditionEntry(
        delivery_id=its.delivery.delivery_id,
        image_id=its.image_id,
        rendition=rendition,
        rendition_digest="d",
        cutout=its.cutout,
        sha256=its.sha256,
        picture=f"{image}-{rendition}.jpg",
        format="jpeg",
        width_px=1500,
        height_px=1500,
        bytes=90_000,
        quality=95,
        violations=violations,
    )


def _arguments(root: Path, arguments: Sequence[object]) -> list[str]:
    return ["export", *map(str, arguments), "--out", str(root)]


def _export(root: Path, *arguments: object) -> Result:
    done = CliRunner().invoke(cli, _arguments(root, arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done
