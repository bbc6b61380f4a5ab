"""`cutouts run`, `status`, `holds` and `publish --reject` on the site that the settings describe."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.store import Store, open_store
from cutouts.cli import cli
from cutouts.core.errors import ConfigError, CutoutsError, DamagedError, TransientError
from tests.adapters.catalog.conftest import postgres_schema
from tests.photographs import blank, product
from tests.s3 import bucket, s3_server

__all__ = ["bucket", "postgres_schema", "s3_server"]


def cutouts(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two deliveries: a product, and five photographs that show nothing."""
    product(tmp_path / "photos" / "good" / "0.jpg")
    for seed in range(5):
        blank(tmp_path / "photos" / "empty" / f"{seed}.jpg", seed=seed)
    return tmp_path / "photos"


@pytest.fixture(params=["files and SQLite", "S3 and PostgreSQL"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The settings file of a site, in a separate folder."""
    if request.param == "files and SQLite":
        lines = [f'root = "{tmp_path}/site"']
    else:
        place, database = request.getfixturevalue("bucket"), request.getfixturevalue("postgres_schema")
        lines = [f'root = "{place}/site"', f'catalog = "{database}"']
    file = tmp_path / "site.toml"
    file.write_text("\n".join([*lines, 'cluster = "serial"', f'allowed_sources = ["{tmp_path}/elsewhere"]', ""]))
    return file


def test_a_folder_is_published_to_the_site_and_a_hold_is_rejected_for_good(photos: Path, settings: Path) -> None:
    """A second run cuts nothing and asks nobody again."""
    site = ("--config", settings)
    done = cutouts("run", photos, *site, "--fail-on-held")
    assert done.exit_code == 3, done.output
    assert "6 images: 1 published, 0 quarantined, 5 held, 0 rejected, 0 skipped" in done.stdout
    told = cutouts("status", *site).stdout
    assert "live:      1 image of 1 product" in told
    assert "held:      1 delivery" in told
    listed = cutouts("holds", *site)
    assert "/empty, held " in listed.stdout
    command = next(line for line in listed.stdout.splitlines() if "--reject" in line)
    gate_id = command.partition("--reject ")[2].split()[0]
    assert cutouts("publish", "--reject", gate_id, *site).exit_code == 2
    rejected = cutouts("publish", "--reject", gate_id, "--by", "Ada", "--why", "no product", *site)
    assert "rejected by Ada: no product" in rejected.stdout
    again = cutouts("run", photos, *site)
    assert "0 model batches" in again.stdout
    assert cutouts("holds", *site).stdout == ""
    refused = CliRunner().invoke(cli, ["publish", gate_id, *map(str, site)])
    assert isinstance(refused.exception, CutoutsError)
    assert "was rejected by Ada: no product" in str(refused.exception)


def test_a_manifest_is_published_to_the_site(photos: Path, settings: Path, tmp_path: Path) -> None:
    """Its deliveries are recorded as if it had landed, and its cutouts are in the site's store of objects."""
    from cutouts import intake, load_site

    manifest = tmp_path / "elsewhere" / "today.parquet"
    product(tmp_path / "elsewhere" / "good" / "1.jpg")
    assert cutouts("manifest", tmp_path / "elsewhere", "-o", manifest).exit_code == 0
    done = cutouts("run", manifest, "--config", settings)
    assert "1 published" in done.stdout, done.output
    site = load_site(str(settings))
    with Catalog.open(site.catalog_url) as catalog:
        (row,) = catalog.live().to_pylist()
    assert Store(site.objects_url).exists(row["cutout"])
    (delivery,) = intake.deliveries_on(site, row["delivery_date"])
    assert intake.source_of(site, delivery) == str(manifest)


def test_a_lost_object_fails_the_next_run_until_it_is_repaired(settings: Path, tmp_path: Path) -> None:
    """Nothing is cut, but the run names the object and the repair; a repair does not begin while anything runs."""
    from cutouts import load_site
    from cutouts.steps.lease import site_lease

    product(tmp_path / "elsewhere" / "0.jpg")
    assert cutouts("run", tmp_path / "elsewhere", "--config", settings).exit_code == 0
    site = load_site(str(settings))
    objects = Store(site.objects_url)
    for name, harm in zip(objects.names("", ".png"), ("remove", "truncate"), strict=True):
        data = objects.read(name)
        if harm == "remove":
            objects.remove(name)
        else:
            objects.write(name, data[: len(data) // 2])
        with pytest.raises(DamagedError, match=f"{name} is damaged: .*`cutouts verify --repair`"):
            cutouts("run", tmp_path / "elsewhere", "--config", settings)
        with site_lease(site):
            assert cutouts("verify", "--config", settings).exit_code == 1
            with pytest.raises(TransientError, match="something runs on this site"):
                cutouts("verify", "--repair", "--config", settings)
        assert cutouts("verify", "--repair", "--config", settings).exit_code == 0
        assert objects.read(name) == data
        assert cutouts("run", tmp_path / "elsewhere", "--config", settings).exit_code == 0


def test_pictures_are_rendered_from_what_the_site_stores(photos: Path, settings: Path, tmp_path: Path) -> None:
    """A changed recipe renders them again, and `verify` finds each in the store."""
    site, found = ("--config", settings), set()
    assert cutouts("run", photos / "good", *site).exit_code == 0
    recipes = tmp_path / "own.toml"
    with settings.open("a") as file:
        file.write(f'renditions = ["square"]\nrecipes = "{recipes}"\n')
    for ground in ("white", "black"):
        recipes.write_text(f'[square]\nwidth_px = 64\nheight_px = 64\nground = "{ground}"\nformat = "jpeg"\n')
        done = cutouts("render", "--all-stale", *site)
        assert "1 image with stale renditions: 1 picture rendered" in done.output
        described = load_site(str(settings))
        with Catalog.open(described.catalog_url) as catalog:
            (row,) = catalog.renditions.published()
        found.add(picture := str(row["picture"]))
        with Image.open(BytesIO(open_store(described.objects_url).read(picture))) as image:
            assert (image.size, image.getpixel((0, 0))) == ((64, 64), (255,) * 3 if ground == "white" else (0,) * 3)
    assert len(found) == 2
    assert "0 images with stale renditions" in cutouts("render", "--all-stale", *site).output
    assert cutouts("verify", *site).exit_code == 0


def test_a_rendition_that_does_not_exist_is_an_error_before_anything_is_cut(photos: Path, tmp_path: Path) -> None:
    """The delivery is not planned; without this, the error came after hours of work."""
    settings = tmp_path / "site.toml"
    settings.write_text(f'root = "{tmp_path}/site"\ncluster = "serial"\nrenditions = ["amazon-mian"]\n')
    with pytest.raises(ConfigError, match="amazon-mian"):
        cutouts("run", photos / "good", "--config", settings)
    assert not [*(tmp_path / "site").rglob("plan*")]
