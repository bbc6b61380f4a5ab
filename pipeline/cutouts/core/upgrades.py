"""Selective upgrades to another network: what a canary shows, what each choice of images buys, and what was gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""The shares of the stale images among which a person chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Random stale images that the other network cut: the doubt about each live mask (`before`) and each new one
    (`after`), 0..1. `cut` of them were cut in `seconds`."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    cut: int
    seconds: float

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.before)

    @property
    def gains(self) -> tuple[float, ...]:
        """For each image, how many bad masks fewer are expected if the new one is published when it is not worse."""
        return tuple(max(0.0, before - after) for before, after in zip(self.before, self.after, strict=True))

    @property
    def mean_gain(self) -> float:
        """The mean gain of a random stale image."""
        return sum(self.gains) / max(1, self.images)

    @property
    def is_worse(self) -> bool:
        """Whether the new masks are more often bad than the live ones."""
        return sum(self.after) > sum(self.before)

    @property
    def seconds_per_image(self) -> float | None:
        """The time to cut one image; None if all were known."""
        return self.seconds / self.cut if self.cut else None

    @property
    def words(self) -> str:
        """One line."""
        better = sum(after < before for before, after in zip(self.before, self.after, strict=True))
        worse = sum(after > before for before, after in zip(self.before, self.after, strict=True))
        before, after = (100 * sum(one) / max(1, self.images) for one in (self.before, self.after))
        return (
            f"canary: {self.images} images, {better} better, {worse} worse; probably bad: {before:.1f} % of the live "
            f"masks, {after:.1f} % of the new ones"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeChoice:
    """The `images` with a doubt of at least `doubt`: their `share` of all stale images (0..1), and of the gain.

    A random choice of as many images would gain the share `share`. `gain` is None if the canary gains nothing.
    """

    doubt: float
    images: int
    share: float
    gain: float | None


def choices(doubts: Sequence[float], canary: Canary) -> tuple[UpgradeChoice, ...]:
    """What the most doubtful `SHARES` of the stale images buy; `doubts` are those about the live masks."""
    values = np.sort(np.asarray(doubts, np.float64))
    found: dict[int, UpgradeChoice] = {}
    for share in SHARES if len(values) else ():
        least = float(values[max(0, len(values) - max(1, round(share * len(values))))]) if share < 1 else 0.0
        images = int(np.count_nonzero(values >= least))
        part = images / len(values)
        found.setdefault(images, UpgradeChoice(doubt=least, images=images, share=part, gain=_gain(canary, least)))
    return tuple(found.values())


def _gain(canary: Canary, doubt: float) -> float | None:
    total = sum(canary.gains)
    chosen = sum(gain for gain, before in zip(canary.gains, canary.before, strict=True) if before >= doubt)
    return chosen / total if total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeSurvey:
    """What an upgrade would do: `stale` images, the canary, the choices, and deliveries with their `problems`."""

    model: str
    stale: int
    canary: Canary
    choices: tuple[UpgradeChoice, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """What an upgrade did in one run: images compared, of these replaced, and `gain`, the bad masks fewer that are
    expected; `kept` are those whose new mask would have been worse."""

    stale: int
    compared: int
    kept: int
    gain: float
    expected_gain: float

    @property
    def words(self) -> str:
        """One line: how much of the gain was bought by how much of the work, against a random choice."""
        work = 100 * self.compared / max(1, self.stale)
        known = self.expected_gain > 0
        share = f"{100 * min(1.0, self.gain / self.expected_gain):.0f} %" if known else "an unknown part"
        return (
            f"{self.compared} of {self.stale} stale images compared: {self.compared - self.kept} not worse, "
            f"{self.kept} worse and kept as they are; about {self.gain:.1f} bad masks fewer. That is {share} of what "
            f"upgrading all of them would gain, for {work:.0f} % of the model time; a random choice would have gained "
            f"{work:.0f} %"
        )
