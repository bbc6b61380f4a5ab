"""Every contender on every image, and the report for a person."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from cutouts.core.pixels import Photograph
from cutouts.evaluation.contenders import Answer, Contender
from cutouts.evaluation.image_sets import Case, ImageSet, Lost, Question
from cutouts.evaluation.measure import Evaluation, evaluate
from cutouts.evaluation.per_image import write_rows
from cutouts.evaluation.summary import as_text, comparisons, full, overview
from cutouts.evaluation.worst_images import WorstImages
from cutouts.metrics import METRICS
from cutouts.schemas.tables import EVALUATION
from tests.evaluation.networks import half_red


@dataclass(frozen=True, slots=True)
class Always:
    """Gives the same output everywhere, and none for images of one name."""

    value: float
    seconds: float | None = 0.01
    refuses: str = ""

    def __call__(self, asked: Question) -> Answer | Lost:
        """`value` at every pixel."""
        if asked.name == self.refuses:
            return Lost(name=asked.name, problem="no matte")
        size = asked.photograph.rgb.shape[:2]
        return Answer(matte=np.full(size, self.value, np.float32), seconds=self.seconds)


def room(name: str) -> Case:
    """A scene without a product."""
    return Case(name=name, photograph=Photograph(rgb=np.zeros((9, 9, 3), np.uint8)), truth=np.zeros((9, 9), np.float32))


def image_set(name: str, *items: Case | Lost) -> ImageSet:
    """A set of given images."""

    def cases() -> Iterator[Case | Lost]:
        yield from items

    return ImageSet(name=name, count=len(items), cases=cases)


NETWORKS: dict[str, Contender] = {"none": Always(0.0), "all": Always(1.0, seconds=0.03)}


def measured(networks: dict[str, Contender] = NETWORKS) -> Evaluation:
    """Two networks on products and on empty rooms, where one image cannot be read."""
    products = image_set("plain", half_red("a"), Lost(name="b", problem="its image cannot be read"), half_red("c"))
    return evaluate([products, image_set("rooms", room("x"), room("y"))], networks)


def test_every_network_is_measured_on_every_image() -> None:
    """Rows are ordered by image and then by network, with their figures."""
    found = measured()
    assert [(one.name, one.network) for one in found.of("plain", "none") + found.of("plain", "all")] == [
        ("a", "none"), ("c", "none"), ("a", "all"), ("c", "all"),
    ]  # fmt: skip
    assert [one.network for one in found.measured[:4]] == ["none", "all", "none", "all"]
    assert [one.scores.iou for one in found.measured[:2]] == pytest.approx([0.0, 0.5])
    assert (found.measured[1].area, found.measured[1].mean) == (1.0, 1.0)


def test_a_bad_image_costs_one_row() -> None:
    """It is reported once with its reason, and the others are measured."""
    (lost,) = measured().failed
    assert (lost.images, lost.network, lost.name, lost.problem) == ("plain", None, "b", "its image cannot be read")
    assert len(measured().measured) == 8


def test_a_failed_network_loses_one_row() -> None:
    """The other network is measured on the image, and only images that both processed are compared."""
    found = measured({"none": Always(0.0), "part": Always(1.0, refuses="a")})
    assert [(one.network, one.name) for one in found.failed] == [("part", "a"), (None, "b")]
    ((images, rows), _) = comparisons(found, ["none", "part"])
    assert images == "plain"
    assert all(row.first_better + row.second_better + row.same == 1 for row in rows)


def test_the_overview_has_a_line_for_each_network() -> None:
    """It has products and empty scenes side by side, the median time and its ratio to the first network."""
    lines = overview(measured()).splitlines()
    assert lines[-4] == "| network | plain | rooms | ms | ms / first |"
    assert lines[-2].startswith("| none | 0.5000 / 0.000 / 0.000 / 0.565 / ")
    assert lines[-2].endswith("| 0.0000 / 0 of 2 | 10.0 | 1.00 |")
    assert lines[-1].startswith("| all | 0.5000 / 0.500 / ")
    assert lines[-1].endswith("| 1.0000 / 2 of 2 | 30.0 | 3.00 |")


def test_precision_recall_and_f1_are_in_the_summary() -> None:
    """Every metric of every network has its common name."""
    text = full(measured(), "plain")
    assert "| precision, at ½ | 1.0000 | 0.5000 |" in text
    assert "| recall, at ½ | 0.0000 | 1.0000 |" in text
    assert "| F1, at ½ | 0.0000 | 0.6667 |" in text
    for name in (
        "MAE",
        "max F",
        "adaptive F",
        "S-measure",
        "mean E",
        "weighted F",
        "IoU",
        "boundary IoU",
        "SAD",
        "MSE",
    ):
        assert f"| {name}" in text
    assert "| gradient error" in text
    assert "| connectivity error" in text


def test_products_that_are_not_found_are_counted() -> None:
    """A mean hides them: one network finds neither of two products, and half an overlap is not a miss."""
    assert "| missed (IoU < ½) | 2 of 2 | 0 of 2 |" in full(measured(), "plain")


def test_products_that_lose_a_part_are_counted() -> None:
    """They are counted by area, with their share of the set, also in the overview; one network loses all of each."""
    text = full(measured(), "plain")
    assert "| losing more than 5% of their area | 2 of 2 (100.0%) | 0 of 2 (0.0%) |" in text
    assert "| missing of the product, % | 100.00 | 0.00 |" in text
    assert "| matte that is not product, % | 0.00 | 50.00 |" in text
    assert "| largest missing part, % of the product | 100.00 | 0.00 |" in text
    assert " / 2 of 2 (100.0%) |" in overview(measured())


def test_holes_that_show_the_ground_are_counted_over_the_products_that_have_one() -> None:
    """A ring among two products without a hole: the network that takes everything closes it."""
    ring = half_red("ring")
    ring.truth[:] = 1.0
    ring.truth[10:20, 10:30] = 0.0
    images = image_set("plain", half_red("a"), ring, half_red("c"))
    found = evaluate([images], {"all": Always(1.0), "half": Always(0.5)})
    assert "| ground in holes that shows, % | 0.0 (of 1) | 50.0 (of 1) |" in full(found, "plain")
    assert [one.opened for one in found.of("plain", "half")] == [None, 0.5, None]
    assert "| ground in holes that shows, % | – | – |" in full(measured(), "plain")


def test_scenes_without_a_product_have_their_own_figures() -> None:
    """These show how much is invented and not how much overlaps."""
    text = full(measured(), "rooms")
    assert "| taken for a product (≥ 1% at ½) | 0 of 2 | 2 of 2 |" in text
    assert "IoU" not in text


def test_two_networks_are_compared_on_each_set() -> None:
    """For each metric it is shown which network is better on how many images; empty scenes have only some metrics."""
    found = measured()
    text = as_text(found, comparisons(found, ["none", "all"]), ["none", "all"])
    assert "## plain: none against all" in text
    assert "| IoU | 0.0000 | 0.5000 | +0.5000 | +0.5000 … +0.5000 | 0 | 2 | 0 | 0.5000 |" in text
    assert "| MAE | 0.0000 | 1.0000 | +1.0000 | +1.0000 … +1.0000 | 2 | 0 | 0 | 0.5000 |" in text
    assert comparisons(found, []) == []


def test_mattes_without_a_network_have_no_time() -> None:
    """Missing figures are shown as a dash."""
    assert overview(measured({"made": Always(0.5, seconds=None)})).splitlines()[-1].endswith("| – | – |")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_figures_of_every_image_are_written(tmp_path: Path, suffix: str) -> None:
    """There is a row per image and network, and one per failure with its reason; the suffix gives the format."""
    path = tmp_path / f"rows{suffix}"
    write_rows(path, measured())
    if suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            rows: list[dict[str, object]] = [{**row} for row in csv.DictReader(stream)]
    else:
        assert pq.read_schema(path).equals(EVALUATION, check_metadata=True)
        rows = pq.read_table(path).to_pylist()
    assert [row["name"] for row in rows] == ["a", "a", "c", "c", "x", "x", "y", "y", "b"]
    assert float(str(rows[1]["iou"])) == 0.5
    assert (rows[-1]["problem"], rows[-1]["iou"] or None) == ("its image cannot be read", None)


def test_the_table_has_a_column_for_every_metric() -> None:
    """Everything that is measured is written."""
    assert [name for name in EVALUATION.names if name in METRICS] == list(METRICS)


def test_the_sheet_shows_the_worst_first(tmp_path: Path) -> None:
    """It is sorted by the requested metric of the first network, with image, truth, matte and error of each."""
    sheet = WorstImages("all", "iou", keep=2)
    cases = [half_red(name) for name in ("good", "worst", "bad")]
    for case, columns in zip(cases, (50, 10, 20), strict=True):
        case.truth[:] = np.arange(60) < columns
    evaluate([image_set("plain", *cases)], {"all": Always(1.0)}, on_seen=sheet.offer)
    assert [card.name for card in sheet.cards()] == ["worst", "bad"]
    assert [picture.about for picture in sheet.cards()[0].pictures] == ["image", "truth", "all", "error of all"]
    sheet.write(tmp_path / "worst.html", "all on plain")
    page = (tmp_path / "worst.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 8
    assert "http" not in page.replace("http-equiv", "")


def test_a_failed_network_is_not_on_the_sheet() -> None:
    """An image that was not measured is not the worst."""
    sheet = WorstImages("part", "mae", keep=5)
    networks: dict[str, Contender] = {"none": Always(0.0), "part": Always(1.0, refuses="a")}
    evaluate([image_set("plain", half_red("a"), half_red("c"))], networks, on_seen=sheet.offer)
    assert [card.name for card in sheet.cards()] == ["c"]
