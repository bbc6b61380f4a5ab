"""Writers that publish to one catalogue at once, and what its books must say afterwards.

`python -m tests.adapters.catalog.two_writers URL TABLES NAME SEED SECONDS ROUNDS` publishes content of its own under a
delivery id that all writers share and under one of its own, until both the seconds and the rounds are over. It prints
what it did, one JSON object per line.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, OvertakenError
from cutouts.core.publications import Order, Publication, Selection
from cutouts.core.records import DeliveryKey
from cutouts.steps.journal import keep_journal
from tests.adapters.catalog.made import entry

ROOT = Path(__file__).parents[3]
IMAGES = tuple(f"{number:02}" for number in range(12))
FIRST = date(2026, 1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A publication as its writer saw it: its number, what was delivered or withdrawn, and the counts."""

    number: int
    delivery_id: str
    day: str
    delivered: dict[str, str]
    withdrawn_images: list[str] | None
    ordered: bool
    published: int
    superseded: int
    withdrawn: int


@dataclass(slots=True)
class Books:
    """What must be live: content, day and publication of each image, by (delivery id, image id), replayed in order."""

    live: dict[tuple[str, str], tuple[str, str, int]] = field(default_factory=dict)
    full: dict[str, str] = field(default_factory=dict)

    def book(self, one: Happened) -> tuple[int, int, int]:
        """Replay a publication; gives how many images it must have published, superseded and withdrawn."""
        if one.ordered:
            gone = [self.live.pop((one.delivery_id, name)) for name in one.withdrawn_images or ()]
            return 0, 0, len(gone)
        newer = self.full.get(one.delivery_id, "") > one.day
        published = superseded = withdrawn = 0
        for name, content in one.delivered.items():
            key = one.delivery_id, name
            if newer or (key in self.live and self.live[key][1] > one.day):
                superseded += 1
            else:
                self.live[key] = content, one.day, one.number
                published += 1
        for name in one.withdrawn_images or ():
            key = one.delivery_id, name
            if key in self.live and self.live[key][1] <= one.day:
                del self.live[key]
                withdrawn += 1
        if one.withdrawn_images is not None:
            self.full[one.delivery_id] = max(one.day, self.full.get(one.delivery_id, ""))
        return published, superseded, withdrawn


def run_writers(url: str, tables: str, *, writers: int, seconds: float, rounds: int) -> list[Happened]:
    """Run the writers at the same time; gives what happened, by number."""
    module = "tests.adapters.catalog.two_writers"
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", module, url, tables, f"writer-{one}", str(one), str(seconds), str(rounds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for one in range(writers)
    ]
    said = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0] * writers
    found = [Happened(**json.loads(line)) for text in said for line in text.splitlines()]
    return sorted(found, key=lambda one: one.number)


def check_books(catalog: Catalog, happened: Sequence[Happened]) -> None:
    """Every publication, every state and the live images are exactly what the writers' own records add up to."""
    books = Books()
    numbers = [one.publication_id for one in catalog.history.publications()]
    assert sorted(numbers) == [one.number for one in happened]
    for one in happened:
        assert books.book(one) == (one.published, one.superseded, one.withdrawn), one
        if one.number % 10 == 0:
            assert _state(catalog, one.number) == books.live
    assert _state(catalog, None) == books.live


def _state(catalog: Catalog, moment: int | None) -> dict[tuple[str, str], tuple[str, str, int]]:
    """What was live after a publication, with the day of delivery in place of the view's moment of publication."""
    days = {one.publication_id: one.delivery.date.isoformat() for one in catalog.history.publications()}
    with catalog.history.as_of(moment) as batches:
        rows = [row for batch in batches for row in batch.to_pylist()]
    return {
        (row["delivery_id"], row["image_id"]): (row["sha256"], days[row["publication_id"]], row["publication_id"])
        for row in rows
    }


def _work(site: Site, name: str, seed: int, seconds: float, rounds: int) -> Iterator[Happened]:
    rng, began, done = random.Random(seed), time.monotonic(), 0
    with Catalog.open(site.catalog_url) as catalog:
        while done < rounds or time.monotonic() - began < seconds:
            done += 1
            delivery_id = rng.choice(["shared", "shared", name])
            day = DeliveryKey(date=FIRST + timedelta(days=done // 4 + rng.randrange(3)), delivery_id=delivery_id)
            if rng.random() < 0.1:
                yield from _withdraw(catalog, delivery_id, rng.choice(IMAGES), name)
            else:
                yield _publish(catalog, day, rng, f"{name}-{done}")
            keep_journal(site)


def _publish(catalog: Catalog, delivery: DeliveryKey, rng: random.Random, content: str) -> Happened:
    """Publish some images; if another writer came first, decide again with what is live now."""
    names = rng.sample(IMAGES, rng.randrange(1, 6))
    full = rng.random() < 0.2
    entries = [entry(name, delivery, content=content) for name in names]
    while True:
        against = catalog.version(delivery.delivery_id)
        live = catalog.published(delivery.delivery_id).column("image_id").to_pylist()
        withdraw = sorted({*live} - {one.image_id for one in entries}) if full else None
        try:
            done = catalog.publish(
                entries,
                gate_id=f"{content}-{against}",
                plan_id=content,
                delivery=delivery,
                at=datetime.now(UTC),
                against=against,
                withdraw=withdraw,
            )
        except OvertakenError:
            continue
        return _happened(done, {one.image_id: one.sha256 for one in entries}, withdraw, ordered=False)


def _withdraw(catalog: Catalog, delivery_id: str, image: str, name: str) -> Iterator[Happened]:
    selection = Selection(delivery_id=delivery_id, image_id=f"{image}.jpg")
    try:
        made = catalog.history.withdraw(selection, Order(by=name, because="test", at=datetime.now(UTC)))
    except CutoutsError:  # it is not live
        return
    for one in made:
        yield _happened(one, {}, [f"{image}.jpg"], ordered=True)


def _happened(
    done: Publication, delivered: dict[str, str], withdrawn_images: list[str] | None, *, ordered: bool
) -> Happened:
    return Happened(
        number=done.publication_id,
        delivery_id=done.delivery.delivery_id,
        day=done.delivery.date.isoformat(),
        delivered=delivered,
        withdrawn_images=withdrawn_images,
        ordered=ordered,
        published=done.published,
        superseded=done.superseded,
        withdrawn=done.withdrawn,
    )


def main(url: str, tables: str, name: str, *numbers: str) -> None:
    """Work, and print what happened."""
    seed, seconds, rounds = numbers
    site = Site(root=tables, tables=tables, catalog=url)
    for one in _work(site, name, int(seed), float(seconds), int(rounds)):
        told: dict[str, Any] = asdict(one)
        print(json.dumps(told), flush=True)  # noqa: T201 -- a program that prints its books


if __name__ == "__main__":
    main(*sys.argv[1:])
