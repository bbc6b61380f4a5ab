"""The worst images of an evaluation, worst first: image, truth, mattes and errors on one page that opens offline."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cutouts.adapters.storage.ownership import write_ours
from cutouts.core.pixels import Bytes, Floats
from cutouts.evaluation.measure import MeasuredImage, Seen
from cutouts.evaluation.summary import SHOWN
from cutouts.metrics import ERRORS
from cutouts.report.html.content_security import sealed
from cutouts.report.html.pictures import data_uri, shrunk
from cutouts.report.html.templates import templates

SIDE = 360
"""Longest side of a picture (px)."""
_TOO_MUCH, _TOO_LITTLE, _DIM = (235, 64, 42), (40, 120, 255), 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """One picture of a card as a data URI, and what it shows; a cutout is shown on a checkerboard."""

    about: str
    uri: str
    cutout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstImage:
    """One image: its pictures and, per network, a line of figures. `ratio` is width over height."""

    images: str
    name: str
    ratio: float
    pictures: tuple[ShownPicture, ...]
    lines: tuple[tuple[str, str], ...]


class WorstImages:
    """Keeps the pictures of only the `keep` worst images by one metric of one network."""

    def __init__(self, network: str, metric: str, keep: int) -> None:
        self.network, self.metric, self._keep = network, metric, keep
        self._heap: list[tuple[float, int, WorstImage]] = []
        self._seen = 0

    def offer(self, seen: Seen) -> None:
        """Keep an image if it is worse than the best of the kept images. Of equally bad images, the earlier one is
        kept."""
        self._seen += 1
        own = next((measured for measured, _ in seen.answers if measured.network == self.network), None)
        if own is None or not self._keep:
            return
        badness = _badness(own, self.metric)
        if len(self._heap) == self._keep and badness <= self._heap[0][0]:
            return
        heapq.heappush(self._heap, (badness, -self._seen, _card(seen)))
        if len(self._heap) > self._keep:
            heapq.heappop(self._heap)

    def cards(self) -> list[WorstImage]:
        """The kept images, worst first."""
        return [card for _, _, card in sorted(self._heap, key=lambda item: item[:2], reverse=True)]

    def write(self, path: Path, about: str) -> None:
        """Write the page, complete or not at all; `about` says in words what was measured."""
        cards = self.cards()
        columns = 6 if cards and len(cards[0].pictures) == 6 else 4
        facts = {"network": self.network, "metric": SHOWN[self.metric][0], "seen": self._seen}
        write_page(path, "sheet.html", cards=cards, about=about, columns=columns, **facts)


def _badness(measured: MeasuredImage, metric: str) -> float:
    value = float(getattr(measured.scores, metric))
    return value if metric in ERRORS else -value


def _card(seen: Seen) -> WorstImage:
    photograph, truth = seen.case.photograph.rgb, seen.case.truth
    pictures = [
        ShownPicture(about="image", uri=picture_uri(photograph)),
        ShownPicture(about="truth", uri=picture_uri(_grey(truth))),
    ]
    for measured, matte in seen.answers:
        pictures.append(ShownPicture(about=measured.network, uri=picture_uri(_grey(matte))))
        pictures.append(
            ShownPicture(about=f"error of {measured.network}", uri=data_uri(_error(photograph, matte, truth)))
        )
    return WorstImage(
        images=seen.images,
        name=seen.case.name,
        ratio=photograph.shape[1] / photograph.shape[0],
        pictures=tuple(pictures),
        lines=tuple((measured.network, _told(measured)) for measured, _ in seen.answers),
    )


def _told(measured: MeasuredImage) -> str:
    scores = measured.scores
    shown = f"MAE {scores.mae:.4f}, IoU {scores.iou:.3f}, boundary IoU {scores.boundary_iou:.3f}, F1 {scores.f1:.3f}"
    return f"{shown}, missing {scores.lost:.1%}, taken along {scores.taken_along:.1%}"


def picture_uri(picture: Bytes) -> str:
    """An RGB picture as a data URI, shrunk to the size shown on the page."""
    return data_uri(shrunk(picture, SIDE))


def _grey(plane: Floats) -> Bytes:
    return np.asarray(cv2.cvtColor(levels(plane), cv2.COLOR_GRAY2RGB), np.uint8)


def levels(plane: Floats) -> Bytes:
    """A matte in 0..1 as uint8, 0…255."""
    return np.asarray(np.rint(np.clip(plane, 0, 1) * 255), np.uint8)


def _error(photograph: Bytes, matte: Floats, truth: Floats) -> Bytes:
    """The darkened photograph: red where the matte is too large, blue where it is too small; faint errors are
    amplified."""
    ground = _DIM * cv2.cvtColor(shrunk(photograph, SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    shown = np.repeat(ground[..., None], 3, axis=2)
    for over, colour in ((matte - truth, _TOO_MUCH), (truth - matte, _TOO_LITTLE)):
        share = np.sqrt(shrunk(levels(over), SIDE).astype(np.float32) / 255)[..., None]
        shown = shown * (1 - share) + share * np.array(colour, np.float32)
    return np.asarray(np.rint(shown), np.uint8)


def write_page(path: Path, template: str, **facts: object) -> None:
    """Write a page in the report's style, complete or not at all."""
    page = templates("cutouts.evaluation").get_template(template).render(facts)
    write_ours(path, sealed(page).encode("utf-8", "replace"))
