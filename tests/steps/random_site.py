"""A real site on which random things happen, beside the model of what must be live there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.api.forgetting import forget
from cutouts.core.config import Site
from cutouts.core.decisions import Verdict
from cutouts.core.errors import CutoutsError, HeldError, OvertakenError
from cutouts.core.publications import Hold, Order, Publication, Selection
from cutouts.core.table_paths import gate_file
from cutouts.intake import inspect
from cutouts.review.decisions import take_back
from cutouts.runner import open_runner
from cutouts.schemas.tables import MANIFEST
from cutouts.stages import job_of
from cutouts.steps import approve, gate, keep_back, plan, publish, read_decision, reject, segment, waiting_holds
from cutouts.steps.clearing import clear
from cutouts.steps.journal import journalled
from cutouts.steps.verify import verify
from tests.steps.live_model import Books, Delivered

NAMES, IMAGES = ("acme", "bolt"), tuple("abcdefg")
CONTENTS = ("one", "two", "three", "bad-one", "bad-two")
_WEIGHTS = (4, 4, 4, 1, 1)
NETWORKS = ("red40", "red20")
_FIRST = date(2026, 3, 1)


@dataclass(slots=True, kw_only=True)
class RandomSite:
    """A site, the folder of its photographs, its model, and everything that can happen to it.

    `plans` are the deliveries by plan, `gates` the decisions, and `held_as` the model's name of what a hold judged.
    """

    site: Site
    folder: Path
    rng: random.Random
    books: dict[str, Books] = field(default_factory=lambda: {name: Books() for name in NAMES})
    plans: dict[str, tuple[str, Delivered]] = field(default_factory=dict)
    gates: list[str] = field(default_factory=list)
    held_as: dict[str, object] = field(default_factory=dict)
    moment: int = 0

    def deliver(self) -> None:
        """A delivery is judged as the model says, and usually published at once."""
        name, one = self.rng.choice(NAMES), self._some_delivery()
        decision = gate(self.site, self._planned(name, one))
        self.plans[decision.plan_id] = name, one
        self.gates.append(decision.gate_id)
        expected = self.books[name].decide(one)
        self.held_as[decision.judged] = expected.judged
        assert (decision.verdict is Verdict.HOLD) == expected.held
        if not expected.held:
            assert (decision.published, decision.withdrawn) == (len(expected.published), len(expected.leaving))
        if self.rng.random() < 0.8:
            self.publish(decision.gate_id)

    def publish(self, gate_id: str = "") -> None:
        """A decision is published, perhaps late or again."""
        gate_id = gate_id or self._some_gate()
        known = self._publications()
        if not gate_id:
            return
        name, one = self.plans[read_decision(self.site, gate_id).plan_id]
        with suppress(HeldError, OvertakenError):
            done = publish(self.site, gate_id)
            if done.publication_id not in known:
                self.books[name].publish(one, done.publication_id)

    def approve(self) -> None:
        """A held delivery is released, except for some images."""
        if not (hold := self._some_hold()):
            return
        name, one = self.plans[hold.plan_id]
        waits = self._outcomes(hold.gate_id, "held")
        bad = self.rng.sample(waits, self.rng.randrange(min(3, len(waits) + 1)))
        good = [image for image in waits if image not in bad][: self.rng.randrange(2)]
        self.books[name].approved.add(self.held_as[hold.judged])
        self._say(name, one, good=good, bad=bad)
        with suppress(HeldError):  # it would withdraw other images by now
            done = approve(self.site, hold.gate_id, by="Ada", why="fine", but=dict.fromkeys(bad, "blur"), also=good)
            self.gates.append(done.gate_id)
            self.books[name].publish(one, done.publication_id)

    def reject(self) -> None:
        """A held delivery is rejected."""
        if hold := self._some_hold():
            reject(self.site, hold.gate_id, by="Ada", why="no")

    def release(self) -> None:
        """Quarantined images are released on the page of a decision, perhaps an old one."""
        gate_id = self._some_gate()
        waits = self._outcomes(gate_id, "quarantined") if gate_id else []
        if not waits:
            return
        name, one = self.plans[read_decision(self.site, gate_id).plan_id]
        chosen = self.rng.sample(waits, self.rng.randrange(1, len(waits) + 1))
        try:
            done = approve(self.site, gate_id, by="Ada", why="fine", also=chosen)
        except HeldError:
            self._say(name, one, good=chosen)
        except CutoutsError:  # it is live by now, or another version of the delivery is
            return
        else:
            self.gates.append(done.gate_id)
            self._say(name, one, good=chosen)
            self.books[name].publish(one, done.publication_id)

    def keep(self) -> None:
        """A quarantined image is rejected."""
        gate_id = self._some_gate()
        waits = self._outcomes(gate_id, "quarantined") if gate_id else []
        if waits:
            name, one = self.plans[read_decision(self.site, gate_id).plan_id]
            with suppress(CutoutsError):  # it is live by now
                keep_back(self.site, gate_id, {waits[0]: ""}, by="Ada", why="no")
                self._say(name, one, bad=waits[:1])

    def undo_on_page(self) -> None:
        """A publication is taken back on its page, which judges the delivery again and must change nothing else."""
        gate_id, known = self._some_gate(), self._publications()
        if not gate_id:
            return
        name, one = self.plans[read_decision(self.site, gate_id).plan_id]
        with suppress(CutoutsError):
            self.gates.append(take_back(self.site, gate_id, by="Eve").gate_id)
        for made in self._new(known):
            before = dict(self.books[name].live)
            if made.back_to is not None:
                self.books[name].go_back(made.back_to, made.publication_id, self._tick())
            else:
                self.books[name].publish(one, made.publication_id)
                assert self.books[name].live == before

    def roll_back(self) -> None:
        """A publication is undone, or all deliveries go back to an earlier moment."""
        known = self._publications()
        with journalled(self.site) as catalog, suppress(CutoutsError):  # newer publications changed the same delivery
            if known and self.rng.random() < 0.7:
                newer = self.rng.random() < 0.5
                catalog.history.undo(self.rng.choice(sorted(known)[-5:]), _order(), with_newer=newer)
            else:
                catalog.history.go_back(self.rng.choice([0, *known]), _order(), everything=True)
        for made in self._new(known):
            assert made.back_to is not None
            self.books[made.delivery.delivery_id].go_back(made.back_to, made.publication_id, self._tick())

    def withdraw(self) -> None:
        """A live image is withdrawn."""
        name = self.rng.choice(NAMES)
        if live := sorted(self.books[name].live):
            image = self.rng.choice(live)
            with journalled(self.site) as catalog:
                (made,) = catalog.history.withdraw(Selection(delivery_id=name, image_id=image), _order())
            self.books[name].withdraw([image], made.publication_id, self._tick())

    def forget(self) -> None:
        """An image is forgotten, wherever it is known."""
        name, image, known = self.rng.choice(NAMES), self.rng.choice(IMAGES), self._publications()
        with suppress(CutoutsError):  # nothing is known of it
            forget(self.site, Selection(delivery_id=name, image_id=image), _order())
            new = self._new(known)
            self.books[name].forget([image], new[0].publication_id if new else None)
            for plan_id, (whose, one) in self.plans.items():
                if whose == name:
                    left = {each: content for each, content in one.images.items() if each != image}
                    self.plans[plan_id] = whose, replace(one, images=left)

    def clear(self) -> None:
        """Everything that nothing refers to is removed, and what is left is whole."""
        clear(self.site, now=datetime.now(UTC) + timedelta(hours=1))
        assert verify(self.site, whole=True).findings == ()

    def check(self) -> None:
        """What is live, and since which day, is what the model says."""
        with Catalog.open(self.site.catalog_url) as catalog:
            rows = catalog.live().to_pylist()
        content = {hashlib.sha256(self._photograph(one).read_bytes()).hexdigest(): one for one in CONTENTS}
        sites = {one: self.site.model_copy(update={"model": one}) for one in NETWORKS}
        network = {job_of(site).recipe.digests.matte_digest: one for one, site in sites.items()}
        found = {
            (row["delivery_id"], row["image_id"]): (
                (content[row["sha256"]], network[row["matte_digest"]]),
                (row["delivery_date"] - _FIRST).days,
            )
            for row in rows
        }
        books = self.books.items()
        assert found == {(name, image): (one.version, one.day) for name, of in books for image, one in of.live.items()}

    def _some_delivery(self) -> Delivered:
        old = [one for _, one in self.plans.values() if one.images]
        if old and self.rng.random() < 0.25:
            return self.rng.choice(old)
        images = sorted(self.rng.sample(IMAGES, self.rng.choice([1, 2, 3, 5, 7])))
        return Delivered(
            day=self.rng.randrange(1, 5),
            network=self.rng.choice([NETWORKS[0], *NETWORKS]),
            full=self.rng.random() < 0.35,
            images={one: self.rng.choices(CONTENTS, _WEIGHTS)[0] for one in images},
        )

    def _planned(self, name: str, one: Delivered) -> str:
        """The plan of a delivery, all of whose images are cut."""
        rows = [
            {"image_id": image, "product_id": f"{name}-{image}", "delivery_id": name, "uri": str(self._photograph(of))}
            for image, of in one.images.items()
        ]
        table = pa.Table.from_pylist(rows, schema=MANIFEST)
        table = table.append_column("scope", pa.array(["full" if one.full else "delta"] * len(rows)))
        manifest, day = self.folder / f"manifests/{self._tick()}", _FIRST + timedelta(days=one.day)
        write_table(open_store(str(manifest)), f"date={day}/part.parquet", table)
        site = self.site.model_copy(update={"model": one.network})
        (delivery,) = inspect(str(manifest)).accepted
        planned = plan(site, str(manifest), delivery)
        with open_runner(site) as runner:
            for shard in planned.shard_keys():
                segment(site, shard, runner)
        return planned.plan_id

    def _photograph(self, content: str) -> Path:
        return self.folder / f"{content}.png"

    def _some_hold(self) -> Hold | None:
        holds = waiting_holds(self.site)
        return self.rng.choice(holds) if holds else None

    def _some_gate(self) -> str:
        """A recent decision; some lose their tables, because all of their images are forgotten."""
        names = {*open_store(self.site.tables_url).names("gates", "/decision.json")}
        kept = [one for one in self.gates[-8:] if gate_file(one, "decision.json") in names]
        return self.rng.choice(kept) if kept else ""

    def _outcomes(self, gate_id: str, outcome: str) -> list[str]:
        rows = read_table(open_store(self.site.tables_url), gate_file(gate_id, "outcomes.parquet")).to_pylist()
        return [row["image_id"] for row in rows if row["outcome"] == outcome]

    def _say(self, name: str, one: Delivered, *, good: Collection[str] = (), bad: Collection[str] = ()) -> None:
        moment = self._tick()
        words = [*((image, True) for image in good), *((image, False) for image in bad)]
        self.books[name].words |= {(image, one.version(image)): (said, moment) for image, said in words}

    def _tick(self) -> int:
        self.moment += 1
        return self.moment

    def _publications(self) -> dict[int, Publication]:
        with Catalog.open(self.site.catalog_url) as catalog:
            return {one.publication_id: one for one in catalog.history.publications()}

    def _new(self, known: Collection[int]) -> list[Publication]:
        return [one for number, one in sorted(self._publications().items()) if number not in known]


def _order() -> Order:
    return Order(by="Eve", because="test", at=datetime.now(UTC))
