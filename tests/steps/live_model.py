"""What must be live, computed from what was delivered and ordered alone: a model without tables, gates or databases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

Version = tuple[str, str]
"""The content of a photograph, and the network that cut it."""

BAD, MANY_BAD = "bad", 3
"""Contents that begin with this word show no product; a delivery that has so many of them is held."""
MANY_LEAVING, MANY_OF_LIVE = 5, 0.3
"""A full delivery that withdraws at least so many images, and more than this share of the live ones, is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A delivery: its day, the network that cuts it, whether it is full, and the content of each image."""

    day: int
    network: str
    full: bool
    images: Mapping[str, str]

    def version(self, image: str) -> Version:
        """The version of an image that it delivers."""
        return self.images[image], self.network


@dataclass(slots=True)
class Live:
    """A live image: its version, the newest day on which it was delivered so, and the publication that made it live.

    No delivery of the day `kept` or an earlier one withdraws it, because a person brought it back.
    """

    version: Version
    day: int
    made_by: int
    kept: int = 0


@dataclass(slots=True)
class _Made:
    """A publication, what was live after it, and the rollback that undid it."""

    number: int
    day: int
    after: dict[str, Live]
    delivered: Delivered | None = None
    undone_by: int | None = None

    @property
    def full(self) -> bool:
        """Whether it published a full delivery."""
        return bool(self.delivered and self.delivered.full)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the gate must decide: whether it holds the delivery, and the images that are published, and withdrawn."""

    held: bool
    published: tuple[str, ...]
    leaving: tuple[str, ...]
    judged: object


@dataclass(slots=True)
class Books:
    """The books of one delivery id. Words of persons, and what they took back, have the moment at which it happened."""

    live: dict[str, Live] = field(default_factory=dict)
    made: list[_Made] = field(default_factory=list)
    rolled_back: dict[tuple[str, Version], int] = field(default_factory=dict)
    withdrawn: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    words: dict[tuple[str, Version], tuple[bool, int]] = field(default_factory=dict)
    approved: set[object] = field(default_factory=set)

    def decide(self, one: Delivered) -> Decided:
        """What the gate must decide about a delivery now."""
        replaced = self._full_since() > one.day
        leaving = () if replaced or not one.full else tuple(sorted(self._left_out(one)))
        judged = one.network, frozenset(one.images.items()), leaving
        bad = sum(content.startswith(BAD) for content in one.images.values())
        many = len(leaving) >= MANY_LEAVING and len(leaving) > MANY_OF_LIVE * len(self.live)
        held = (bad >= MANY_BAD or many) and judged not in self.approved
        return Decided(
            held=held,
            published=() if held or replaced else tuple(name for name in one.images if self._passes(name, one)),
            leaving=leaving,
            judged=judged,
        )

    def publish(self, one: Delivered, number: int) -> None:
        """Publish a delivery that is not held, as the publication of that number."""
        done = self.decide(one)
        assert not done.held
        if self._full_since() <= one.day:
            for name in one.images:
                now = self.live.get(name)
                if now and now.version == one.version(name):
                    now.day = max(now.day, one.day)
        for name in done.published:
            self.live[name] = Live(one.version(name), one.day, number)
        for name in done.leaving:
            del self.live[name]
        self._record(number, one.day, one)

    def go_back(self, target: int, number: int, moment: int) -> None:
        """Return to what was live after the publication `target`, as the publication of that number."""
        undone = [one for one in self.made if one.number > target and one.undone_by is None]
        kept = max((one.day for one in undone if one.full), default=0)
        then = next((one.after for one in reversed(self.made) if one.number <= target), {})
        for name, now in [*self.live.items()]:
            if name not in then or _differ(now, then[name]):
                self.rolled_back[name, now.version] = moment
                del self.live[name]
        for name, old in then.items():
            if name not in self.live:
                self.live[name] = replace(old, kept=kept)
                self.rolled_back.pop((name, old.version), None)
                self.withdrawn.pop((name, old.version[0]), None)
        for one in self.made:
            if one in undone:
                one.undone_by = number
            elif one.number <= target and (one.undone_by or 0) > target:
                one.undone_by = None
        self._record(number, self._last_day())

    def withdraw(self, names: Collection[str], number: int, moment: int) -> None:
        """Withdraw live images, as the publication of that number."""
        for name in names:
            gone = self.live.pop(name)
            self.withdrawn[name, gone.version[0]] = self._last_day(), moment
        self._record(number, self._last_day())

    def forget(self, names: Collection[str], number: int | None) -> None:
        """Forget images; the publication with that number withdrew those that were live."""
        if number is not None:
            for name in names:
                self.live.pop(name, None)
            self._record(number, self._last_day())
        for one in self.made:
            one.after = {name: version for name, version in one.after.items() if name not in names}
        self.rolled_back = {key: found for key, found in self.rolled_back.items() if key[0] not in names}
        self.withdrawn = {key: found for key, found in self.withdrawn.items() if key[0] not in names}
        self.words = {key: found for key, found in self.words.items() if key[0] not in names}

    def _passes(self, name: str, one: Delivered) -> bool:
        now, version = self.live.get(name), one.version(name)
        if now and (now.version == version or now.day > one.day):
            return False
        good, said = self.words.get((name, version), (None, -1))
        if good is False or (one.images[name].startswith(BAD) and not good):
            return False
        taken = self._taken(name, one)
        return taken < 0 or bool(good and said > taken)

    def _taken(self, name: str, one: Delivered) -> int:
        """The last moment at which a person took back what the delivery has of an image; -1 if nobody did."""
        found = [self.rolled_back.get((name, one.version(name)), -1)]
        for (image, content), (day, moment) in self.withdrawn.items():
            if image == name and (content == one.images[name] or one.day < day):
                found.append(moment)
        return max(found)

    def _left_out(self, one: Delivered) -> list[str]:
        return [
            name
            for name, now in self.live.items()
            if name not in one.images and now.day <= one.day and now.kept < one.day
        ]

    def _full_since(self) -> int:
        return max((one.day for one in self.made if one.full and one.undone_by is None), default=0)

    def _last_day(self) -> int:
        return max((one.day for one in self.made), default=0)

    def _record(self, number: int, day: int, delivered: Delivered | None = None) -> None:
        if not self.made or self.made[-1].number < number:
            self.made.append(_Made(number, day, {}, delivered))
        self.made[-1].after = dict(self.live)


def _differ(one: Live, other: Live) -> bool:
    return (one.version, one.made_by) != (other.version, other.made_by)
