"""Whatever is killed or damaged at random, the site ends as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from cutouts.adapters.storage.store import Store
from tests.faults.site import DAMAGES, SiteUnderTest, damage

pytestmark = pytest.mark.faults

LONGEST = 12.0
"""Seconds after which a run is killed at the latest."""


def test_a_run_that_is_killed_again_and_again_ends_whole(
    tested: SiteUnderTest, settled: Callable[[str], None], round_: int
) -> None:
    """kill -9 of command and workers at three random moments."""
    rng = random.Random(f"kill {round_}")
    for _ in range(3):
        tested.run_and_kill(rng.uniform(0.5, LONGEST))
    settled("killed three times")


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("folder", ["tables", "objects"])
def test_damage_to_any_file_is_repaired(
    tested: SiteUnderTest, settled: Callable[[str], None], round_: int, how: str, folder: str
) -> None:
    """A random file of the published site."""
    rng = random.Random(f"{folder} {how} {round_}")
    assert tested.run() == 0
    site = tested.site
    store = Store(site.tables_url if folder == "tables" else site.objects_url)
    damage(store, rng.choice(store.names("", "")), how, rng)
    settled(f"one file in `{folder}`: {how}")
