"""Options of `make faults`, the sites that it works on, and the page that it writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.catalog.conftest import postgres_schema
from tests.faults.site import SiteUnderTest
from tests.photographs import product
from tests.s3 import bucket, s3_server

__all__ = ["bucket", "postgres_schema", "s3_server"]

FEW = 8
PLACES = ("files and SQLite", "S3 and PostgreSQL")
OUTCOMES = pytest.StashKey[Counter[tuple[str, str, str]]]()
SAID = pytest.StashKey[list[str]]()

_PAGE = """# Faults

`make faults` kills a run at random moments and damages random files of a site, then runs again and repairs. A round
passes if afterwards every live cutout has the same bytes as on an undamaged site, and `cutouts verify --whole` finds
nothing. `make faults` writes this page:

| fault | place | rounds | recovered by the next run | after `cutouts verify --repair` | failed |
|---|---|---|---|---|---|
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rounds N`, `--images N`, `--minutes N` and `--page FILE`."""
    parser.addoption("--rounds", type=int, default=1, help="Rounds of each fault at each place.")
    parser.addoption("--images", type=int, default=24, help="Photographs of each site.")
    parser.addoption(
        "--minutes", type=float, default=1.0, help="How long two writers publish, and a site is disturbed."
    )
    parser.addoption("--page", type=Path, default=None, help="Gets the table of what was found.")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is counted yet."""
    config.stash[OUTCOMES] = Counter()
    config.stash[SAID] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test is repeated for each round."""
    if "round_" in metafunc.fixturenames:
        metafunc.parametrize("round_", range(metafunc.config.getoption("--rounds", 1)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page."""
    page, outcomes = session.config.getoption("--page", None), session.config.stash[OUTCOMES]
    sentences = session.config.stash[SAID]
    if page is None or not (outcomes or sentences):
        return
    rows = sorted({(fault, place) for fault, place, _ in outcomes})
    lines = []
    for fault, place in rows:
        counts = [outcomes[fault, place, how] for how in ("run", "repair", "failed")]
        lines.append(f"| {fault} | {place} | {sum(counts)} | {counts[0]} | {counts[1]} | {counts[2]} |")
    said = "".join(f"\n{one}\n" for one in sentences)
    page.write_text(_PAGE + "\n".join(lines) + "\n" + said, encoding="utf-8")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Where a site keeps what it has."""
    return str(request.param)


@pytest.fixture(scope="session")
def images(request: pytest.FixtureRequest) -> int:
    """The number of photographs of each site."""
    count: int = request.config.getoption("--images")
    return count


@pytest.fixture
def tested(place: str, images: int, request: pytest.FixtureRequest, tmp_path: Path) -> SiteUnderTest:
    """A site on which a few photographs are published, with many more in its folder."""
    allowed = f'allowed_sources = ["{tmp_path}/photos"]'
    lines = [f'root = "{tmp_path}/site"']
    if place == PLACES[1]:
        bucket_url, database = request.getfixturevalue("bucket"), request.getfixturevalue("postgres_schema")
        lines = [f'root = "{bucket_url}/site"', f'catalog = "{database}"']
    settings = tmp_path / "site.toml"
    settings.write_text("\n".join([*lines, allowed, 'cluster = "serial"', "shard_images = 4", ""]))
    _photographs(tmp_path / "photos", FEW)
    one = SiteUnderTest(settings=settings, photos=tmp_path / "photos")
    assert one.run() == 0
    _photographs(tmp_path / "photos", images)
    return one


@pytest.fixture(scope="session")
def expected(images: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What is live at the end on a site that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    _photographs(folder / "photos", images)
    (folder / "site.toml").write_text(f'root = "{folder}/site"\ncluster = "serial"\n')
    one = SiteUnderTest(settings=folder / "site.toml", photos=folder / "photos")
    assert one.run() == 0
    return one.live()


@pytest.fixture
def settled(
    request: pytest.FixtureRequest, place: str, tested: SiteUnderTest, expected: dict[str, bytes]
) -> Callable[[str], None]:
    """Runs again, repairs if that is not enough, and holds the site against the one that nothing happened to."""
    outcomes = request.config.stash[OUTCOMES]

    def settle(fault: str) -> None:
        how = "run"
        if tested.run() != 0 or tested.live() != expected or tested.call("verify", "--whole") != 0:
            how = "repair"
            tested.call("verify", "--whole", "--repair")
            tested.run()
        whole = tested.live() == expected and tested.call("verify", "--whole") == 0
        outcomes[fault, place, how if whole else "failed"] += 1
        assert whole

    return settle


def name_of(number: int) -> str:
    """The name of a photograph."""
    return f"{number:02d}.jpg"


def _photographs(folder: Path, count: int) -> None:
    for seed in range(count):
        product(folder / name_of(seed), seed=seed)
