"""Missing, cut-off and changed files of a site are found and repaired, and nothing readable is lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store
from cutouts.core.config import Site
from cutouts.steps.verify import Verification, verify
from tests.kept import Kept
from tests.photographs import broken, product
from tests.steps.conftest import Refresh, refresh_in, site_in

Damage = Callable[[Path], None]


def cut_off(path: Path) -> None:
    """The file without its second half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    """The file with one bit in the middle flipped."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def a_folder(path: Path) -> None:
    """A folder with something in it, in the file's place."""
    path.unlink()
    (path / "inside").mkdir(parents=True)


def a_pipe(path: Path) -> None:
    """A pipe, whose opening would wait for ever, in the file's place."""
    path.unlink()
    os.mkfifo(path)


def a_loop(path: Path) -> None:
    """A link to itself in the file's place."""
    path.unlink()
    path.symlink_to(path.name)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, quick_suite: str) -> Kept:
    """A site with a published delivery of one product and one broken file."""
    folder = tmp_path_factory.mktemp("verified")
    product(folder / "shoot" / "0.jpg")
    broken(folder / "shoot" / "1.jpg", seed=1)
    refresh_in(folder)(site_in(folder, quick_suite), folder / "shoot")
    return Kept(folder).keep()


@pytest.fixture
def tmp_path(kept: Kept) -> Path:
    """The folder of that site and its photographs."""
    return kept.restored()


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """The photographs of the published delivery."""
    return tmp_path / "shoot"


def places(found: Verification) -> list[str]:
    """The findings and their locations."""
    return [finding.place for finding in found.findings]


def live(site: Site) -> object:
    """All live images."""
    with Catalog.open(site.catalog_url) as catalog:
        return catalog.live().to_pylist()


@pytest.mark.usefixtures("shoot")
@pytest.mark.parametrize("harm", [a_folder, a_pipe, a_loop])
def test_what_is_no_file_is_damage(site: Site, harm: Damage) -> None:
    """In the place of an object or of a table: it is found, the check goes on, and a repair sets it aside."""
    cutout = next(Path(site.objects_url).rglob("*.png"))
    table = next(Path(site.tables_url).glob("gates/*/outcomes.parquet"))
    harm(cutout)
    harm(table)
    for whole in (False, True):
        assert {str(cutout), str(table)} <= {*places(verify(site, whole=whole))}
    assert verify(site, repair=True).left == 0
    assert verify(site, whole=True).findings == ()


@pytest.mark.usefixtures("shoot")
def test_an_intact_site_has_no_findings(site: Site) -> None:
    """Its tables, both objects of its image and the catalogue are checked."""
    for whole in (False, True):
        found = verify(site, whole=whole)
        assert (found.findings, found.objects, found.live) == ((), 2, 1)
        assert found.files > 10


@pytest.mark.usefixtures("shoot")
def test_every_file_is_heard_of(site: Site) -> None:
    """So that a check of hours shows how far it is."""
    phases: dict[str, Counter[str]] = {}
    totals: dict[str, int] = {}

    class Heard:
        def __init__(self, doing: str) -> None:
            phases[doing] = Counter()
            self._counts = phases[doing]

        def add(self, fate: str, images: int = 1) -> None:
            self._counts[fate] += images

    def progress(doing: str, total: int) -> AbstractContextManager[Heard]:
        totals[doing] = total
        return nullcontext(Heard(doing))

    found = verify(site, progress=progress)
    assert totals == {"tables": found.files, "objects": found.objects}
    assert {doing: counts.total() for doing, counts in phases.items()} == totals


@pytest.mark.usefixtures("shoot")
@pytest.mark.parametrize(
    ("harm", "whole", "what"),
    [
        (Path.unlink, False, "it is not there"),
        (cut_off, False, "it is cut off"),
        (flipped, True, "its bytes do not match its name"),
    ],
)
def test_objects_are_rebuilt_from_their_photographs(site: Site, harm: Damage, whole: bool, what: str) -> None:
    """They have the same bytes and names, and nothing else is left beside them."""
    objects = Path(site.objects_url)
    before = {path: path.read_bytes() for path in objects.rglob("*.png")}
    for path in before:
        harm(path)
    found = verify(site, whole=whole)
    assert [finding.what for finding in found.findings] == [what, what]
    assert found.left == 2
    assert verify(site, whole=whole, repair=True).left == 0
    assert {path: path.read_bytes() for path in objects.rglob("*") if path.is_file()} == before
    assert verify(site, whole=True).findings == ()


def test_an_object_without_its_photograph_is_left_as_it_is(site: Site, shoot: Path) -> None:
    """The problem is still reported, and the existing bytes are not touched."""
    (shoot / "0.jpg").unlink()
    path = next(Path(site.objects_url).rglob("*.png"))
    flipped(path)
    data = path.read_bytes()
    found = verify(site, whole=True, repair=True)
    assert (places(found), found.left) == ([str(path)], 1)
    assert "it cannot be repaired: the file is not there" in found.findings[0].what
    assert path.read_bytes() == data


@pytest.mark.parametrize("harm", [cut_off, flipped, Path.unlink])
def test_every_damaged_table_is_found_and_rebuilt(site: Site, refresh: Refresh, shoot: Path, harm: Damage) -> None:
    """Each file is named and moved away, and after another run everything is complete and live as before."""
    tables, before = Path(site.tables_url), live(site)
    for name in sorted(str(path.relative_to(tables)) for path in tables.rglob("*.*") if path.is_file()):
        if not (tables / name).exists() or (harm is Path.unlink and name.endswith(".json")):
            continue  # a record that is missing was never written
        harm(tables / name)
        found = verify(site, whole=harm is flipped, repair=True)
        assert places(found)[0].startswith(str(tables / Path(name).parent)) or "ledger" in name, name
        assert (found.left, len(found.findings) > 0) == (0, True), name
        refresh(site, shoot)
        assert verify(site, whole=True).findings == (), name
        assert live(site) == before


@pytest.mark.usefixtures("shoot")
def test_a_live_image_that_is_not_in_the_ledger_is_found(site: Site) -> None:
    """The catalogue has an image that no table mentions."""
    for path in Path(site.tables_url).rglob("ledger/**/*.parquet"):
        path.unlink()
    found = verify(site, repair=True)
    assert found.left == 1
    assert found.findings[0].place.endswith("image 0.jpg")
    assert found.findings[0].what == "it is live, but the ledger has no matching result; deliver it again"


def test_a_site_in_a_bucket_is_verified_and_repaired(
    bucket: str, tmp_path_factory: pytest.TempPathFactory, quick_suite: str
) -> None:
    """Missing and damaged files on S3 are named, moved away and rebuilt."""
    folder = tmp_path_factory.mktemp("elsewhere")
    here, refresh = site_in(folder, quick_suite), refresh_in(folder)
    there = here.model_copy(update={"tables": f"{bucket}/tables", "objects": f"{bucket}/objects"})
    product(folder / "shoot" / "0.jpg")
    refresh(there, folder / "shoot")
    objects, tables = Store(there.objects_url), Store(there.tables_url)
    gone, short = objects.names("", ".png")
    receipt = next(name for name in tables.names("shards", ".json"))
    objects.remove(gone)
    objects.write(short, objects.read(short)[:100])
    tables.write(receipt, tables.read(receipt).replace(b'"cut":1', b'"cut":2').replace(b'"cut": 1', b'"cut": 2'))
    found = verify(there)
    assert places(found) == [f"{tables.url}/{receipt}", f"{objects.url}/{gone}", f"{objects.url}/{short}"]
    assert verify(there, repair=True).left == 0
    refresh(there, folder / "shoot")
    assert verify(there, whole=True).findings == ()
    assert objects.names("", "") == sorted([gone, short])
