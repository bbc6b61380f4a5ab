"""What single rows of a manifest wish for: the box of the product, certain channels, and the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.api.runs import run
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import ManifestError
from cutouts.core.product_box import ProductBox, box_of, photograph_of
from cutouts.core.table_paths import gate_file
from cutouts.core.text.sentences import promise_sentence
from cutouts.intake import folder_manifest, inspect
from cutouts.models import OWN_TABLE
from cutouts.models.site_rows import with_row
from cutouts.schemas.tables import MANIFEST
from cutouts.stages import ChunkResult, job_of
from cutouts.steps.clearing import clear
from cutouts.steps.explain import explain
from cutouts.steps.verify import verify
from tests.models_folder import picky_row
from tests.steps.conftest import refresh_manifest
from tests.steps.test_render import render, with_recipes

LEFT, RIGHT = (20, 40, 150, 200), (170, 40, 300, 200)
"""The boxes of the two balls of `two_balls`."""
SIDES = ("product_left_px", "product_top_px", "product_right_px", "product_bottom_px")


def two_balls(path: Path, *, shift: int = 0) -> Path:
    """A red and a blue ball beside each other, 320×240 px, `shift` px lower."""
    scene = np.full((240, 320, 3), 232, np.uint8)
    for x, colour in ((85, (40, 30, 170)), (235, (170, 60, 30))):
        cv2.circle(scene, (x, 120 + shift), 55, colour, -1, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), scene)
    return path


class Shop:
    """A folder with photographs, delivered with any wishes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(
        self, site: Site, wishes: Mapping[str, Sequence[object]], *, named: bool = True
    ) -> tuple[GateDecision, list[ChunkResult]]:
        """Deliver a row for each value of the wishes, all of the first photograph; `named` rows state its sha256."""
        return refresh_manifest(site, self.manifest(wishes, named=named))

    def manifest(self, wishes: Mapping[str, Sequence[object]], *, named: bool = True) -> str:
        """The manifest of these rows."""
        table, day = folder_manifest(self.folder / "shoot")
        rows = len(next(iter(wishes.values())))
        table = table.take(pa.array([0] * rows)) if table.num_rows < rows else table.slice(0, rows)
        columns = {"image_id": [f"{number}.png" for number in range(rows)], **wishes}
        columns |= {} if named else {"sha256": [None] * rows}
        for name, values in columns.items():
            field = MANIFEST.field(name)
            table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))
        write_table(open_store(str(self.folder)), f"manifest/date={day}/part.parquet", table)
        return str(self.folder / "manifest")


def sides(*boxes: tuple[int | None, ...] | None) -> dict[str, list[int | None]]:
    """The columns of boxes."""
    return {name: [None if box is None else box[at] for box in boxes] for at, name in enumerate(SIDES)}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A photograph with two products."""
    two_balls(tmp_path / "shoot" / "0.png")
    return Shop(tmp_path)


def outcomes(site: Site, decision: GateDecision) -> list[dict[str, object]]:
    """The rows of the decision."""
    rows: list[dict[str, object]] = read_table(
        open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet")
    ).to_pylist()
    return rows


def matte(site: Site, row: dict[str, object]) -> np.ndarray:
    """The matte of a row."""
    data = np.frombuffer(open_store(site.objects_url).read(str(row["mask"])), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


@pytest.mark.parametrize("named", [True, False])
def test_two_boxes_of_one_photograph_are_two_results(site: Site, shop: Shop, named: bool) -> None:
    """Each shows its own product and nothing outside of its box; delivered again, nothing is cut; a changed box is cut
    anew, and so is the photograph without a box."""
    decision, chunks = shop.deliver(site, sides(LEFT, RIGHT), named=named)
    assert sum(len(chunk.masks) for chunk in chunks) == 2
    for row, box in zip(outcomes(site, decision), (LEFT, RIGHT), strict=True):
        alpha = matte(site, row)
        assert alpha.shape == (240, 320)
        inside = alpha[box[1] : box[3], box[0] : box[2]]
        assert inside.max() == 255
        assert int(alpha.astype(np.int64).sum()) == int(inside.astype(np.int64).sum())
        assert box_of(str(row["sha256"])) == ProductBox.parse(",".join(map(str, box)))
    _, again = shop.deliver(site, sides(LEFT, RIGHT), named=named)
    assert again == []
    changed, chunks = shop.deliver(site, sides((10, 40, 150, 200), RIGHT), named=named)
    assert [mask.image_id for chunk in chunks for mask in chunk.masks] == ["0.png"]
    assert changed.published == 1
    _, chunks = shop.deliver(site, sides(None, RIGHT), named=named)
    assert [mask.image_id for chunk in chunks for mask in chunk.masks] == ["0.png"]
    assert verify(site).findings == ()


def test_a_box_outside_of_the_image_rejects_the_image_alone(site: Site, shop: Shop) -> None:
    """Its rejection names box and size, and is known the next time."""
    unknown = {"width_px": [None, None], "height_px": [None, None]}
    wishes: dict[str, Sequence[object]] = {**sides(LEFT, (170, 40, 321, 200)), **unknown}
    decision, _ = shop.deliver(site, wishes)
    assert (decision.published, decision.rejected) == (1, 1)
    reasons = [row["reasons"] for row in outcomes(site, decision)]
    told = "the box of the product is not inside the image: 170,40,321,200 in an image of 320×240 px"
    assert reasons[1] == [told]
    assert shop.deliver(site, wishes)[1] == []


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ((20, 40, 150, None), "the box is incomplete"),
        ((150, 40, 20, 200), "the box is empty, negative, or larger than the image"),
        ((-1, 40, 20, 200), "the box is empty, negative, or larger than the image"),
        ((20, 40, 150, 999), "the box is empty, negative, or larger than the image"),
    ],
)
def test_a_wrong_box_refuses_the_delivery(shop: Shop, box: tuple[int | None, ...], told: str) -> None:
    """Before anything is planned; the message names the row."""
    found = inspect(shop.manifest({"width_px": [320], "height_px": [240], **sides(box)}))
    assert found.accepted == ()
    (problem,) = found.refused
    assert told in problem.problem
    assert problem.words.endswith("row 1 (0.png)")


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"channels": ["square, rakuten"]}, "channels: rakuten is not a rendition or channel of this site"),
        ({"model": ["no-such-network"]}, "model: "),
    ],
)
def test_an_unknown_channel_or_network_refuses_the_delivery(
    site: Site, shop: Shop, tmp_path: Path, wishes: dict[str, Sequence[object]], told: str
) -> None:
    """The message names it."""
    with pytest.raises(ManifestError) as error:
        shop.deliver(with_recipes(site, tmp_path, ground="white"), wishes)
    assert any(told in problem for problem in error.value.problems)


def test_the_sites_own_network_by_its_name_is_no_other_network(site: Site, shop: Shop) -> None:
    """Rows that name it, and rows that name none, have the same recipe."""
    named, _ = shop.deliver(site, {"model": [site.model]})
    usual, chunks = shop.deliver(site, {"model": [None]})
    assert named.recipe == usual.recipe
    assert chunks == []


def digest_of(site: Site, model: str) -> str:
    """The matte digest of a network."""
    return job_of(site.model_copy(update={"model": model})).recipe.digests.matte_digest


@pytest.mark.parametrize("named", [True, False])
def test_rows_of_one_delivery_have_networks_of_their_own(site: Site, shop: Shop, named: bool) -> None:
    """Each image is what its network alone would make and judge; delivered again nothing is cut, and a row that
    changes to a network that knows the photograph is published anew without a model call."""
    wish: dict[str, Sequence[object]] = {"model": ["default-int8", None, site.model, "default-int8"]}
    decision, chunks = shop.deliver(site, wish, named=named)
    assert sum(chunk.model_batches for chunk in chunks) == 2
    rows = outcomes(site, decision)
    usual, other = digest_of(site, site.model), digest_of(site, "default-int8")
    assert [row["matte_digest"] for row in rows] == [other, usual, usual, other]
    for name, row in (("default-int8", rows[0]), (site.model, rows[1])):
        alone = site.model_copy(update={"model": name, "root": f"{site.root}-{name}"})
        (same,) = outcomes(alone, shop.deliver(alone, {"model": [None]}, named=named)[0])
        judged = ("matte_digest", "mask", "cutout", "p_bad", "calibration", "outcome")
        assert {key: row[key] for key in judged} == {key: same[key] for key in judged}
    assert [network_told(site, f"{number}.png") for number in range(4)] == [
        "default-int8",
        site.model,
        site.model,
        "default-int8",
    ]
    again, chunks = shop.deliver(site, wish, named=named)
    assert (again.skipped, sum(chunk.model_batches for chunk in chunks)) == (4, 0)
    moved, chunks = shop.deliver(site, {"model": [None, None, None, "default-int8"]}, named=named)
    assert (moved.published, moved.skipped, sum(chunk.model_batches for chunk in chunks)) == (1, 3, 0)
    assert verify(site).findings == ()


def test_objects_are_rebuilt_whatever_box_and_network_their_rows_wished_for(site: Site, tmp_path: Path) -> None:
    """`verify --repair` cuts each image as its row asked, also if another network is the site's by now."""
    two_balls(tmp_path / "shoot" / "0.png")
    wish = sides(None, LEFT, RIGHT, None) | {"model": [None, None, "default-int8", "default-int8"]}
    Shop(tmp_path).deliver(site, wish)
    before = {path: path.read_bytes() for path in Path(site.objects_url).rglob("*.png")}
    for now in (site, site.model_copy(update={"model": "default-int8"})):
        for path in before:
            path.unlink()
        assert verify(now, repair=True).left == 0
        assert {path: path.read_bytes() for path in before} == before


def test_every_unknown_network_refuses_the_delivery_with_its_rows(site: Site, shop: Shop) -> None:
    """Also if other rows ask for a known one; nothing is cut."""
    with pytest.raises(ManifestError) as error:
        shop.deliver(site, {"model": [None, "no-such-network", "neither", "no-such-network"]})
    neither, such = error.value.problems
    assert "'neither'" in neither
    assert neither.endswith(": 1 row: 2.png")
    assert such.endswith(": 2 rows: 1.png, 3.png")


def test_an_uncalibrated_network_refuses_only_its_own_delivery(site: Site, tmp_path: Path) -> None:
    """Nothing of that delivery is cut, also not the row without a wish; the other delivery is published."""
    (tmp_path / "models").mkdir()
    row = picky_row(tmp_path / "models", limit=256)
    (tmp_path / "models" / OWN_TABLE).write_text(with_row("", row), encoding="utf-8")
    for number, place in enumerate(("a/0.png", "b/0.png", "b/1.png")):
        two_balls(tmp_path / "studio" / place, shift=number)
    table, day = folder_manifest(tmp_path / "studio")
    wish = pa.array([None, None, "picky"], MANIFEST.field("model").type)
    table = table.set_column(table.schema.get_field_index("model"), MANIFEST.field("model"), wish)
    write_table(open_store(str(tmp_path)), f"manifest/date={day}/part.parquet", table)
    here = site.model_copy(update={"models": str(tmp_path / "models")})
    summary = run(tmp_path / "manifest", tmp_path / "out", site=here)
    assert (summary.published, summary.rejected, summary.model_batches) == (1, 2, 1)
    (refusal,) = summary.refused
    assert refusal.delivery_id == "b"
    assert "model: the gate is not calibrated for the network 'picky'" in refusal.problem


def test_a_promise_has_limits_for_each_network(site: Site, shop: Shop) -> None:
    """The decision names both networks; the masks of each are compared with its own limit."""
    decision, _ = shop.deliver(
        site.model_copy(update={"promise": 0.05}), {"model": [None, "default-int8", "default-int8"]}
    )
    assert decision.promise is not None
    assert {limit.network for limit in decision.promise.limits} == {site.model, "default-int8"}
    assert decision.promise.masks == 3
    assert "; default-int8: p_bad up to" in next(promise_sentence(decision))


def test_an_image_gets_the_channels_of_its_row(site: Site, shop: Shop, tmp_path: Path) -> None:
    """A narrower wish takes pictures out of the view, a wider one renders them, and no model is called; the plan that
    states the wish is kept by gc."""
    site = with_recipes(site, tmp_path, ground="white")
    shop.deliver(site, {"channels": ["small", None]})
    render(site)
    assert shown(site) == {("0.png", "small"), ("1.png", "small"), ("1.png", "square")}
    decision, chunks = shop.deliver(site, {"channels": ["square,small", "square"]})
    assert (chunks, decision.skipped) == ([], 2)
    done = render(site)
    assert (done.pictures, done.retired) == (1, 1)
    assert shown(site) == {("0.png", "small"), ("0.png", "square"), ("1.png", "square")}
    clear(site.model_copy(update={"history_days": 1}), now=datetime.now(UTC) + timedelta(days=9))
    assert (render(site).pictures, len(shown(site))) == (0, 3)
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.renditions.stale({}) == ()


def test_explain_says_which_box_was_cut(site: Site, shop: Shop) -> None:
    """The content of the image is the digest of its photograph and the box."""
    shop.deliver(site, sides(LEFT))
    (found,) = explain(site, "0.png")
    assert found.published is not None
    assert found.published.sha256 == f"{photograph_of(str(found.published.sha256))}-box-20-40-150-200"


def network_told(site: Site, image_id: str) -> str:
    """The network that a live image was cut by, as `explain` says it."""
    (found,) = explain(site, image_id)
    assert found.published is not None
    assert found.published.recipe is not None
    assert found.published.digests == found.published.recipe.recipe.digests
    return found.published.recipe.model


def shown(site: Site) -> set[tuple[str, str]]:
    """Image and rendition of each published picture."""
    with Catalog.open(site.catalog_url) as catalog:
        return {(str(row["image_id"]), str(row["rendition"])) for row in catalog.renditions.published()}
