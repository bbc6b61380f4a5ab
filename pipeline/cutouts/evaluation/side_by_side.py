"""Shows cutouts of several networks side by side on one page, for people to judge images without known truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.evaluation.contenders import Contender
from cutouts.evaluation.image_sets import Lost, Question
from cutouts.evaluation.worst_images import SIDE, ShownPicture, WorstImage, levels, picture_uri, write_page
from cutouts.metrics import mean_absolute_error
from cutouts.report.html.pictures import data_uri, shrunk_cutout


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One image as a card of the page; `difference` is the largest mean absolute difference of any two mattes, 0..1."""

    card: WorstImage
    difference: float


def looks(asked: Iterable[Question | Lost], networks: Mapping[str, Contender]) -> Iterator[Look | Lost]:
    """Run every network on every image. An image that cannot be read, or that has no matte, gives a `Lost` with the
    reason."""
    for one in asked:
        yield one if isinstance(one, Lost) else _look(one, networks)


def write_looks(path: Path, found: list[Look], about: str) -> None:
    """Write the page, complete or not at all. Images on which the networks differ most come first."""
    cards = [look.card for look in sorted(found, key=lambda look: (-look.difference, look.card.name))]
    columns = min(4, len(cards[0].pictures)) if cards else 2
    write_page(path, "looks.html", cards=cards, about=about, columns=columns)


def _look(asked: Question, networks: Mapping[str, Contender]) -> Look | Lost:
    mattes: dict[str, Floats] = {}
    for network, contender in networks.items():
        answer = contender(asked)
        if isinstance(answer, Lost):
            return answer
        mattes[network] = answer.matte
    photograph = asked.photograph.rgb
    cutouts = [ShownPicture(about=network, uri=_cutout(photograph, mattes[network]), cutout=True) for network in mattes]
    card = WorstImage(
        images="",
        name=asked.name,
        ratio=photograph.shape[1] / photograph.shape[0],
        pictures=(ShownPicture(about="image", uri=picture_uri(photograph)), *cutouts),
        lines=tuple((network, f"keeps {matte.mean(dtype=np.float64):.1%}") for network, matte in mattes.items()),
    )
    difference = max((mean_absolute_error(a, b) for a, b in combinations(mattes.values(), 2)), default=0.0)
    return Look(card=card, difference=difference)


def _cutout(photograph: Bytes, matte: Floats) -> str:
    return data_uri(shrunk_cutout(np.asarray(cv2.merge([*cv2.split(photograph), levels(matte)]), np.uint8), SIDE))
