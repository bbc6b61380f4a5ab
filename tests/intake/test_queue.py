"""The queue of deliveries that wait to be worked on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cutouts.core.config import Site
from cutouts.core.records import DeliveryKey
from cutouts.intake.queue import enter, leave, waiting


def test_the_oldest_day_comes_first_and_a_delivery_waits_once(tmp_path: Path) -> None:
    """Its id may look like anything; a removed delivery no longer waits and may be removed again."""
    site = Site(root=str(tmp_path))
    keys = [
        DeliveryKey(date=date(2026, 1, day), delivery_id=name) for day, name in ((3, "a"), (1, "z/../z"), (2, "ü & co"))
    ]
    for key in (*keys, keys[0]):
        enter(site, key)
    assert waiting(site, at_most=2).first == (keys[1], keys[2])
    assert waiting(site, at_most=0).length == 3
    leave(site, [keys[1], keys[1]])
    assert waiting(site, at_most=9).first == (keys[2], keys[0])
