"""One site with many images is killed and damaged again and again for `--minutes`, while its photographs change."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from cutouts.adapters.storage.store import Store
from tests.faults.conftest import SAID, name_of
from tests.faults.site import DAMAGES, SiteUnderTest, damage
from tests.photographs import product

pytestmark = pytest.mark.faults

CHANGED = 24
"""Photographs that have another content now and then."""
AT_ONCE = 6
"""The largest number of photographs that change, and of files that are damaged, between two looks."""
LONGEST_S = 8.0
"""A run is killed after this time at the latest."""


@pytest.fixture
def other(expected: dict[str, bytes], images: int, tmp_path: Path) -> dict[str, bytes]:
    """What is live of the photographs that change when they have their other content."""
    folder = tmp_path / "other"
    for number in range(min(CHANGED, images)):
        product(folder / "photos" / name_of(number), seed=images + number)
    (folder / "site.toml").write_text(f'root = "{folder}/site"\ncluster = "serial"\n')
    one = SiteUnderTest(settings=folder / "site.toml", photos=folder / "photos")
    assert one.run() == 0
    found = one.live()
    assert not set(found.values()) & set(expected.values())
    return found


def test_a_site_ends_as_if_nothing_had_happened_again_and_again(
    request: pytest.FixtureRequest,
    place: str,
    tested: SiteUnderTest,
    images: int,
    expected: dict[str, bytes],
    other: dict[str, bytes],
) -> None:
    """After each fault: what is live belongs to the photographs as they are, and `verify --whole` finds nothing."""
    rng, minutes = random.Random(place), request.config.getoption("--minutes")
    shoot, counts = _Shoot(tested, expected, other), Counter[str]()
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        shoot.change(rng.sample([*other], rng.randrange(AT_ONCE + 1)))
        faults = _disturb(tested, rng)
        counts.update([*faults, "rounds", _settled(tested, shoot)])
    request.config.stash[SAID].append(
        f"A site of {images} images ({place}) was disturbed for {minutes:g} minutes while photographs changed: "
        f"runs killed {counts['killed']}, files damaged {sum(counts[how] for how in DAMAGES)}. "
        f"In each of {counts['rounds']} rounds, the next run, or else a repair ({counts['repair']} rounds), recovered "
        "the site, and every live cutout was that of the current photograph, byte by byte."
    )


class _Shoot:
    """The photographs of the site, and what must be live of them."""

    def __init__(self, tested: SiteUnderTest, expected: dict[str, bytes], other: dict[str, bytes]) -> None:
        self._tested, self._expected, self._other = tested, expected, other
        self.wanted = dict(expected)

    def change(self, names: Iterable[str]) -> None:
        """Give photographs their other content, or the first one again."""
        for name in names:
            back = self.wanted[name] == self._other[name]
            number = int(name.removesuffix(".jpg"))
            product(self._tested.photos / name, seed=number if back else len(self._expected) + number)
            self.wanted[name] = (self._expected if back else self._other)[name]

    def change_all(self) -> None:
        """Change every photograph that has another content."""
        self.change(self._other)


def _disturb(tested: SiteUnderTest, rng: random.Random) -> list[str]:
    """Kill a run, damage some files, or both. Returns what was done."""
    done = []
    if rng.random() < 0.5:
        done += ["killed"] * tested.run_and_kill(rng.uniform(0.5, LONGEST_S))
    if not done or rng.random() < 0.3:
        for _ in range(rng.randrange(1, AT_ONCE + 1)):
            store = Store(rng.choice([tested.site.tables_url, tested.site.objects_url]))
            how = rng.choice(DAMAGES)
            damage(store, rng.choice(store.names("", "")), how, rng)
            done.append(how)
    return done


def _settled(tested: SiteUnderTest, shoot: _Shoot) -> str:
    """Make the site whole by a run, or else by a repair. Returns which it was."""

    def whole() -> bool:
        return tested.run() == 0 and tested.call("verify", "--whole") == 0 and tested.live() == shoot.wanted

    if whole():
        return "run"
    if tested.call("verify", "--whole", "--repair") != 0:  # objects whose photographs have another content now
        shoot.change_all()
        tested.run()
        assert tested.call("verify", "--whole", "--repair") == 0
        shoot.change_all()
    assert whole()
    return "repair"
