"""Renditions of a site: what is stale is rendered without the network, recorded, checked, forgotten and cleared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.images.encoding import source_type_of
from cutouts.adapters.quality.channels import channels
from cutouts.adapters.storage.store import open_store
from cutouts.api.forgetting import forget
from cutouts.cli import cli
from cutouts.core.channels.rules import ChannelRule
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.publications import Order, Selection
from cutouts.core.renditions.records import RenditionEntry
from cutouts.runner import open_runner
from cutouts.stages import render_chunk
from cutouts.steps.clearing import clear
from cutouts.steps.render import RenderedSite, render_stale
from cutouts.steps.verify import verify
from tests.deliveries import photograph, product
from tests.kept import Kept
from tests.steps.conftest import Refresh, refresh_in, site_in
from tests.steps.test_verify import Damage, a_folder, a_loop, a_pipe

RECIPES = """
[square]
width_px = 64
height_px = 64
fill = 0.8
ground = "{ground}"
format = "jpeg"
[small]
max_side_px = 40
format = "webp"
"""
ORDER = Order(by="a", because="b", at=datetime(2026, 11, 27, tzinfo=UTC))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, quick_suite: str) -> Kept:
    """A site with two live images."""
    folder = tmp_path_factory.mktemp("rendered")
    photograph(folder / "studio", product(1), product(2))
    refresh_in(folder)(site_in(folder, quick_suite), folder / "studio")
    return Kept(folder).keep()


@pytest.fixture
def tmp_path(kept: Kept) -> Path:
    """The folder of that site and its photographs."""
    return kept.restored()


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Site:
    """The site with two renditions, which are not rendered yet."""
    return with_recipes(site, tmp_path, ground="white")


def with_recipes(site: Site, tmp_path: Path, *, ground: str, names: tuple[str, ...] = ("square", "small")) -> Site:
    """The site with these renditions."""
    recipes = tmp_path / "own.toml"
    recipes.write_text(RECIPES.replace("{ground}", ground), encoding="utf-8")
    return site.model_copy(update={"renditions": names, "recipes": str(recipes)})


def render(site: Site) -> RenderedSite:
    """Render what is stale, in this process."""
    with open_runner(site) as runner:
        return render_stale(site, runner)


def entries(site: Site) -> tuple[RenditionEntry, ...]:
    """The recorded renditions of live images."""
    with Catalog.open(site.catalog_url) as catalog:
        return catalog.renditions.entries()


def test_each_live_image_gets_each_rendition_once(shop: Site) -> None:
    """Pictures are stored objects with the size of their rendition; a second call renders nothing."""
    done = render(shop)
    assert (done.images, done.pictures, done.failures) == (2, 4, ())
    objects = open_store(shop.objects_url)
    for entry in entries(shop):
        data = objects.read(entry.picture)
        with Image.open(BytesIO(data)) as image:
            assert (image.width, image.height, len(data)) == (entry.width_px, entry.height_px, entry.bytes)
            assert image.format == {"jpeg": "JPEG", "webp": "WEBP"}[entry.format]
        assert source_type_of(data) == "algorithmicallyEnhanced"
    assert render(shop).images == 0
    with Catalog.open(shop.catalog_url) as catalog:
        assert [row["rendition"] for row in catalog.renditions.published()] == ["small", "square"] * 2


def test_no_network_is_needed(shop: Site, tmp_path: Path) -> None:
    """A site whose network is gone still renders."""
    gone = shop.model_copy(update={"model": "unknown", "models": str(tmp_path / "none")})
    assert render(gone).pictures == 4


def test_only_the_changed_rendition_is_rendered_again(shop: Site, tmp_path: Path) -> None:
    """Another ground makes that rendition stale; a rendition that the settings no longer name is given up."""
    render(shop)
    before = {(one.image_id, one.rendition): one.picture for one in entries(shop)}
    changed = with_recipes(shop, tmp_path, ground="black")
    assert render(changed).pictures == 2
    after = {(one.image_id, one.rendition): one.picture for one in entries(shop)}
    assert {key for key in after if after[key] != before[key]} == {key for key in after if key[1] == "square"}
    assert render(with_recipes(shop, tmp_path, ground="black", names=("small",))).retired == 2


def test_a_changed_photograph_makes_its_renditions_stale(shop: Site, tmp_path: Path, refresh: Refresh) -> None:
    """After the next publication the view no longer has the old picture, and only that image is rendered."""
    render(shop)
    photograph(tmp_path / "studio", product(1), product(3))
    refresh(shop, tmp_path / "studio")
    with Catalog.open(shop.catalog_url) as catalog:
        assert len(catalog.renditions.published()) == 2
    assert render(shop).images == 1
    assert len(entries(shop)) == 4


def test_a_photograph_that_is_gone_is_only_needed_by_what_shows_it(shop: Site, tmp_path: Path) -> None:
    """Others are rendered from the cutout, with a note and without a source type; a kept shadow fails."""
    for file in (tmp_path / "studio").iterdir():
        file.unlink()
    recipes = tmp_path / "own.toml"
    recipes.write_text(RECIPES.replace("{ground}", "white") + '[shade]\nshadow = "kept"\n', encoding="utf-8")
    done = render(shop.model_copy(update={"renditions": ("square", "shade")}))
    assert (done.pictures, len(done.failures)) == (2, 2)
    assert all("photograph" in failure.words for failure in done.failures)
    first = next(one for one in entries(shop) if one.rendition == "square")
    assert "source type is not stated" in first.notes[-1]
    assert source_type_of(open_store(shop.objects_url).read(first.picture)) is None


def test_a_damaged_cutout_is_one_failure(shop: Site) -> None:
    """It is named, and the other image is rendered."""
    with Catalog.open(shop.catalog_url) as catalog:
        name = str(catalog.live().column("cutout")[0].as_py())
    open_store(shop.objects_url).write(name, b"damaged")
    done = render(shop)
    assert done.pictures == 2
    assert "cutouts verify" in done.failures[0].words


def test_a_kill_costs_only_what_was_in_progress(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded before an error is not rendered again."""
    real, calls = render_chunk._one, list[str]()

    def breaking(*arguments: object) -> object:
        calls.append("")
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(render_chunk, "_one", breaking)
    with pytest.raises(KeyboardInterrupt):
        render(shop.model_copy(update={"chunk": 1}))
    monkeypatch.undo()
    assert render(shop).images == 1


def test_withdrawn_renditions_leave_the_view_and_then_the_store(shop: Site) -> None:
    """gc removes their rows and objects, and keeps those of live images."""
    render(shop)
    image = entries(shop)[0]
    with Catalog.open(shop.catalog_url) as catalog:
        catalog.history.withdraw(Selection(delivery_id=image.delivery_id, image_id=image.image_id), ORDER)
        assert len(catalog.renditions.published()) == 2
    objects = open_store(shop.objects_url)
    clear(shop, now=datetime.now(UTC) + timedelta(days=30))
    kept = {entry.picture for entry in entries(shop)}
    assert len(kept) == 2
    assert {name for name in objects.names("", "") if not name.endswith(".png")} == kept


def test_a_forgotten_image_leaves_no_rendition(shop: Site) -> None:
    """Its pictures and rows are gone, and those of the other image stay."""
    render(shop)
    image = entries(shop)[0]
    mine = {one.picture for one in entries(shop) if one.image_id == image.image_id}
    forget(shop, Selection(delivery_id=image.delivery_id, image_id=image.image_id), ORDER)
    objects = open_store(shop.objects_url)
    assert not any(objects.exists(name) for name in mine)
    assert {one.image_id for one in entries(shop)} == {"01.png"} if image.image_id == "00.png" else {"00.png"}
    assert all(objects.exists(one.picture) for one in entries(shop))


@pytest.mark.parametrize(("damage", "whole"), [(b"", False), (None, False), (b"same size", True)])
def test_verify_finds_broken_pictures_and_they_are_rendered_again(
    shop: Site, damage: bytes | None, whole: bool
) -> None:
    """A missing or truncated picture, or with --whole changed bytes, is dropped by a repair."""
    render(shop)
    objects, entry = open_store(shop.objects_url), entries(shop)[0]
    if damage is None:
        objects.remove(entry.picture)
    else:
        objects.write(entry.picture, damage if not whole else bytes(entry.bytes))
    assert [one.repaired for one in verify(shop, whole=whole).findings] == [None]
    assert verify(shop, whole=whole, repair=True).left == 0
    assert render(shop).pictures == 1
    assert verify(shop, whole=True).findings == ()


@pytest.mark.parametrize("harm", [a_folder, a_pipe, a_loop])
def test_something_else_in_the_place_of_a_picture_is_set_aside(shop: Site, harm: Damage) -> None:
    """The check goes on, and after a repair the picture is rendered again."""
    render(shop)
    harm(Path(shop.objects_url) / entries(shop)[0].picture)
    assert [one.repaired for one in verify(shop).findings] == [None]
    assert verify(shop, repair=True).left == 0
    assert render(shop).pictures == 1
    assert verify(shop, whole=True).findings == ()


def test_a_rejected_picture_is_recorded_but_not_published(shop: Site) -> None:
    """The view leaves out pictures that break a rule; the others of the image are in it."""
    render(shop)
    broken = replace(entries(shop)[0], violations=("fill: 20 %",), rules="r")
    with Catalog.open(shop.catalog_url) as catalog:
        catalog.renditions.record([broken], datetime.now(UTC))
        assert len(catalog.renditions.published()) == 3
        assert len(catalog.renditions.entries()) == 4


def test_the_command_renders_a_site(shop: Site, tmp_path: Path) -> None:
    """`cutouts render --all-stale` says what it did; a site without renditions is an error."""
    settings = tmp_path / "site.toml"
    settings.write_text(
        f'root = "{shop.root}"\ncluster = "serial"\nrenditions = ["square"]\nrecipes = "{shop.recipes}"\n'
        f'allowed_sources = ["{tmp_path}"]\n',
        encoding="utf-8",
    )
    arguments = ["render", "--all-stale", "--config", str(settings)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "2 images with stale renditions: 2 pictures rendered" in result.output
    with pytest.raises(ConfigError, match="names no renditions"):
        render(shop.model_copy(update={"renditions": ()}))


def test_a_picture_that_breaks_a_rule_is_not_published_until_the_rules_change(
    shop: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other rendition is published. With other rules the stored picture is judged again, and not rendered."""
    recipes = tmp_path / "own.toml"
    recipes.write_text(RECIPES.replace("{ground}", "white").replace("[small]", 'rules = "shopify"\n[small]'), "utf-8")
    site = shop.model_copy(update={"recipes": str(recipes)})
    strict = channels()["shopify"].model_copy(update={"rules": (WIDE,)})
    real = channels()
    monkeypatch.setattr("cutouts.steps.render.channel_named", {"shopify": strict}.__getitem__)
    done = render(site)
    assert (done.pictures, done.refused) == (4, 2)
    with Catalog.open(site.catalog_url) as catalog:
        assert {row["rendition"] for row in catalog.renditions.published()} == {"small"}
    square = next(one for one in entries(site) if one.rendition == "square")
    (words,) = square.violations
    assert words.startswith("wide: the width is at least 1,000 px; width_px is 64; allowed: at least 1,000")
    monkeypatch.setattr("cutouts.steps.render.channel_named", real.__getitem__)
    done = render(site)
    assert (done.images, done.pictures, done.checked, done.refused) == (0, 0, 2, 0)
    assert {one.picture for one in entries(site) if one.rendition == "square"} >= {square.picture}
    with Catalog.open(site.catalog_url) as catalog:
        assert len(catalog.renditions.published()) == 4


WIDE = ChannelRule(
    name="wide",
    words="the width is at least 1,000 px",
    figure="width_px",
    min=1000,
    source="nobody",
    stated="undated",
    verified=False,
)
