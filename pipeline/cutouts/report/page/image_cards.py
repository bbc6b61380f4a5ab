"""The cards of the contact sheet: one image each, with its pictures, reasons and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cutouts.report.contents import Report, TruthRow, key_in_words
from cutouts.report.html.pictures import PictureFiles, Pictures, load_pictures
from cutouts.report.page.ranking import IDENTITY

_SHOWN = (
    ("saliency_peak", "confidence of the network"),
    ("coverage", "of the image"),
    ("soft_inside", "of the inside is soft"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One image of the contact sheet; `facts` are (value, what it is) in words."""

    source: str
    delivery: str
    outcome: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    pictures: Pictures
    facts: tuple[tuple[str, str], ...]
    truth: TruthRow | None


def make_cards(
    report: Report, measured: pa.Table, rows: Sequence[int], *, folder: Path, read: Callable[[str], bytes]
) -> list[Card]:
    """The cards of the images at `rows`; `measured` is from `ranking.with_metrics`."""
    at = pa.array(rows, pa.int64())
    images = report.images.take(at).to_pylist()
    numbers = measured.take(at).to_pylist()
    sources = [PictureFiles(photograph=image["source"], cutout=image["cutout"], mask=image["mask"]) for image in images]
    pictures = load_pictures(sources, folder, read)
    truth = {(row.date, row.delivery_id, row.image_id): row for row in report.truth}
    return [
        Card(
            source=image["source"],
            delivery=key_in_words(image["date"], image["delivery_id"]),
            outcome=image["outcome"],
            reasons=tuple(image["reasons"] or ()),
            notes=tuple(image["notes"] or ()),
            pictures=shown,
            facts=_facts(measures),
            truth=truth.get(tuple(image[name] for name in IDENTITY)),
        )
        for image, measures, shown in zip(images, numbers, pictures, strict=True)
    ]


def _facts(measures: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    facts = [(f"{100 * measures[name]:.0f}\u202f%", words) for name, words in _SHOWN if measures[name] is not None]
    if measures["p_bad"] is not None:
        facts.insert(0, (f"{100 * measures['p_bad']:.0f}\u202f%", "probability that it is bad"))
    return tuple(facts)
