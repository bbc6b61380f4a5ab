"""Writers that publish to one catalogue at once, and what its books must say afterwards.

`python -m tests.adapters.catalog.two_writers URL TABLES NAME SEED SECONDS ROUNDS DONE` publishes content of its own
under a delivery id that all writers share and under one of its own, until both the seconds and the rounds are over; it
did DONE rounds in an earlier life. It prints what it is about to do (with number 0) and what it did, one JSON object
per line, so that the books can be completed if it is killed in between.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, OvertakenError
from cutouts.core.publications import Draft, Order, Publication, Selection
from cutouts.core.records import DeliveryKey
from cutouts.steps.journal import keep_journal
from tests.adapters.catalog.made import entry

ROOT = Path(__file__).parents[3]
IMAGES = tuple(f"{number:02}" for number in range(12))
FIRST = date(2026, 1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A publication as its writer saw it: its number, what was delivered or withdrawn, and the counts.

    `mark` is the writer's name for it: the plan id of a publication, the person of an order.
    """

    number: int
    mark: str
    delivery_id: str
    day: str
    delivered: dict[str, str]
    withdrawn_images: tuple[str, ...] | None
    ordered: bool
    published: int = 0
    superseded: int = 0
    withdrawn: int = 0


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


def run_writers(
    url: str, tables: str, *, writers: int, seconds: float, rounds: int, killed_after: float | None = None
) -> list[Happened]:
    """Run the writers at the same time; gives what happened, by number.

    If `killed_after` is given, each writer is killed at random moments, so many seconds apart on average, and started
    again, until the seconds are over; its last life does the rounds.
    """
    with ThreadPoolExecutor(writers) as pool:
        lives = [pool.submit(_lives, url, tables, one, seconds, rounds, killed_after) for one in range(writers)]
        said = [one for life in lives for one in life.result()]
    known = {one.mark for one in said if one.number}
    begun = [one for one in said if one.number == 0 and one.mark not in known]
    with Catalog.open(url) as catalog:
        found = [*_completed(catalog, begun), *(one for one in said if one.number)]
    return sorted(found, key=lambda one: one.number)


def _lives(
    url: str, tables: str, writer: int, seconds: float, rounds: int, killed_after: float | None
) -> list[Happened]:
    """The lives of one writer, one after the other; gives all that it said."""
    rng, ends, said = random.Random(writer), time.monotonic() + seconds, list[Happened]()
    while True:
        left = max(0.0, ends - time.monotonic())
        done = len({one.mark for one in said})
        about = [f"writer-{writer}", rng.randrange(1 << 30), left, rounds, done]
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.catalog.two_writers", url, tables, *map(str, about)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        doomed = killed_after is not None and left > 0
        killer = threading.Timer(rng.uniform(0, 2 * (killed_after or 0)), program.kill)
        if doomed:
            killer.start()
        lines = program.communicate()[0].splitlines(keepends=True)
        killer.cancel()
        said += [Happened(**json.loads(line)) for line in lines if line.endswith("\n")]
        if program.returncode != -signal.SIGKILL:
            assert program.returncode == 0
            return said


def _completed(catalog: Catalog, begun: Sequence[Happened]) -> Iterator[Happened]:
    """What the catalogue has of publications whose writer was killed before it could say what it did.

    Of the tries of one publication, that one happened which decided against the state before it.
    """
    made = {one.by or one.plan_id: one for one in catalog.history.publications()}
    last = {one.mark: one for one in begun}
    for mark, one in last.items():
        if mark in made:
            yield _happened(one, made[mark])


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


def _work(site: Site, name: str, seed: int, seconds: float, rounds: int, before: int) -> Iterator[Happened]:
    rng, began, done = random.Random(seed), time.monotonic(), 0
    with Catalog.open(site.catalog_url) as catalog:
        while done < rounds or time.monotonic() - began < seconds:
            done += 1
            delivery_id = rng.choice(["shared", "shared", name])
            late = (before + done) // 4 + rng.randrange(3)
            day = DeliveryKey(date=FIRST + timedelta(days=late), delivery_id=delivery_id)
            if rng.random() < 0.1:
                yield from _withdraw(catalog, delivery_id, rng.choice(IMAGES), f"{name}-{before + done}")
            else:
                yield from _publish(catalog, day, rng, f"{name}-{before + done}")
            keep_journal(site)


def _publish(catalog: Catalog, delivery: DeliveryKey, rng: random.Random, mark: str) -> Iterator[Happened]:
    """Publish some images; if another writer came first, decide again with what is live now."""
    names = rng.sample(IMAGES, rng.randrange(1, 6))
    full = rng.random() < 0.2
    entries = [entry(name, delivery, content=mark) for name in names]
    while True:
        against = catalog.version(delivery.delivery_id)
        live = catalog.published(delivery.delivery_id).column("image_id").to_pylist()
        withdraw = tuple(sorted({*live} - {one.image_id for one in entries})) if full else None
        begun = Happened(
            number=0,
            mark=mark,
            delivery_id=delivery.delivery_id,
            day=delivery.date.isoformat(),
            delivered={one.image_id: one.sha256 for one in entries},
            withdrawn_images=withdraw,
            ordered=False,
        )
        yield begun
        try:
            done = catalog.publish(
                entries,
                Draft(
                    gate_id=f"{mark}-{against}",
                    plan_id=mark,
                    delivery=delivery,
                    at=datetime.now(UTC),
                    against=against,
                    withdraw=withdraw,
                ),
            )
        except OvertakenError:
            continue
        yield _happened(begun, done)
        return


def _withdraw(catalog: Catalog, delivery_id: str, image: str, mark: str) -> Iterator[Happened]:
    begun = Happened(
        number=0,
        mark=mark,
        delivery_id=delivery_id,
        day=FIRST.isoformat(),
        delivered={},
        withdrawn_images=(f"{image}.jpg",),
        ordered=True,
    )
    yield begun
    selection = Selection(delivery_id=delivery_id, image_id=f"{image}.jpg")
    try:
        made = catalog.history.withdraw(selection, Order(by=mark, because="test", at=datetime.now(UTC)))
    except CutoutsError:  # it is not live
        return
    for one in made:
        yield _happened(begun, one)


def _happened(begun: Happened, done: Publication) -> Happened:
    return replace(
        begun,
        number=done.publication_id,
        published=done.published,
        superseded=done.superseded,
        withdrawn=done.withdrawn,
    )


def main(url: str, tables: str, name: str, *numbers: str) -> None:
    """Work, and print what happens."""
    seed, seconds, rounds, before = numbers
    site = Site(root=tables, tables=tables, catalog=url)
    for one in _work(site, name, int(seed), float(seconds), int(rounds), int(before)):
        told: dict[str, Any] = asdict(one)
        print(json.dumps(told), flush=True)  # noqa: T201 -- a program that prints its books


if __name__ == "__main__":
    main(*sys.argv[1:])
