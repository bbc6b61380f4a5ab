"""Runs every contender on every image of every set: the outer loop is over images, the inner over contenders, with one
image in memory at a time.

So other work on the machine slows all contenders equally, and their times can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cutouts.core.pixels import Doubles, Floats
from cutouts.evaluation.contenders import Contender
from cutouts.evaluation.image_sets import Case, ImageSet, Lost
from cutouts.metrics import THRESHOLD, Curves, Scores, judge, opened_holes


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredImage:
    """The result of one contender on one image of a set.

    `mean` is the mean of its matte and `area` the share of pixels at one half or more, both 0..1. `seconds` is its
    network's CPU time (None if no network ran). `empty` is true if the truth has no product. `opened` is the share of
    the ground in the product's holes that the matte shows, 0..1; None without a hole.
    """

    images: str
    network: str
    name: str
    scores: Scores
    mean: float
    area: float
    seconds: float | None
    empty: bool
    opened: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An image that cannot be used (`network` is None), or for which one contender has no matte, and the reason."""

    images: str
    network: str | None
    name: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanCurves:
    """Means over the images of a set: precision, recall, F- and E-measure per threshold, float64 (256,)."""

    precision: Doubles
    recall: Doubles
    f: Doubles
    e: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An image with all its mattes, for a person to look at."""

    images: str
    case: Case
    answers: tuple[tuple[MeasuredImage, Floats], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All results. `curves` are by set and contender; `sets` and `networks` are in the given order."""

    sets: tuple[str, ...]
    networks: tuple[str, ...]
    measured: tuple[MeasuredImage, ...]
    failed: tuple[Failed, ...]
    curves: Mapping[tuple[str, str], MeanCurves]

    def of(self, images: str, network: str) -> list[MeasuredImage]:
        """The results of one contender on one set."""
        return [one for one in self.measured if (one.images, one.network) == (images, network)]


def evaluate(
    sets: Sequence[ImageSet],
    networks: Mapping[str, Contender],
    *,
    on_seen: Callable[[Seen], None] = lambda _: None,
    on_image: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Measure all contenders on all sets. `on_seen` is called with each image's mattes, `on_image` with "measured" or
    "failed".

    An image that cannot be used only adds one `Failed`.
    """
    measured: list[MeasuredImage] = []
    failed: list[Failed] = []
    totals = {(one.name, network): _Total() for one in sets for network in networks}
    for images, item in ((one.name, item) for one in sets for item in one.cases()):
        if isinstance(item, Lost):
            failed.append(Failed(images=images, network=None, name=item.name, problem=item.problem))
            on_image("failed")
            continue
        answers = []
        for one, line, matte in _answers(images, item, networks, failed):
            totals[images, one.network].add(line)
            answers.append((one, matte))
        measured += [one for one, _ in answers]
        on_seen(Seen(images=images, case=item, answers=tuple(answers)))
        on_image("measured")
    return Evaluation(
        sets=tuple(one.name for one in sets),
        networks=tuple(networks),
        measured=tuple(measured),
        failed=tuple(failed),
        curves={key: total.means() for key, total in totals.items() if total.count},
    )


def _answers(
    images: str, case: Case, networks: Mapping[str, Contender], failed: list[Failed]
) -> Iterator[tuple[MeasuredImage, Curves, Floats]]:
    """The result, curves and matte of each contender for a case; contenders without a matte are added to `failed`."""
    for network, contender in networks.items():
        answer = contender(case)
        if isinstance(answer, Lost):
            failed.append(Failed(images=images, network=network, name=case.name, problem=answer.problem))
            continue
        scores, line = judge(answer.matte, case.truth)
        measured = MeasuredImage(
            images=images,
            network=network,
            name=case.name,
            scores=scores,
            mean=float(answer.matte.mean(dtype=np.float64)),
            area=float((answer.matte >= THRESHOLD).mean()),
            seconds=answer.seconds,
            empty=not case.truth.any(),
            opened=opened_holes(answer.matte, case.truth),
        )
        yield measured, line, answer.matte


class _Total:
    """Adds up the curves of a set."""

    def __init__(self) -> None:
        self.count = 0
        self._sums = np.zeros((4, 256), np.float64)

    def add(self, line: Curves) -> None:
        self.count += 1
        self._sums += np.stack([line.precision, line.recall, line.f, line.e])

    def means(self) -> MeanCurves:
        precision, recall, f, e = self._sums / self.count
        return MeanCurves(precision=precision, recall=recall, f=f, e=e)
