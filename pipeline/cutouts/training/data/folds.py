"""Folds of the training data, by source and by kind of product. A fold that is left out of a training can be used to
test it.

A validation that shares shops and categories with the training gives results that are too good. A `Label` says what a
picture shows; a `Fold` such as `source:magento` or `kind:shoes` contains pictures by their label. `source:rendered`
contains the renders of 3D models, `source:drawn` the pictures that `garments` and `shapes` draw; `kind:garments` also
contains drawn garments and street fashion.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow.parquet as pq

from cutouts.core.errors import ConfigError

By = Literal["source", "kind"]
RENDERED = "rendered"

KINDS = (
    ("garments", r"magento/[mw](h|j|p|s|sh|t)\d|solidus_(cap|hat|hoodie|dark_tee|long_sleeve|tshirt)|pillow|fedora"),
    ("garments", r"magento/wb\d+-[a-z]+_"),
    ("bags", r"magento/(m|u|w)b\d|_tote|_bag_|paper_white|lunch_box|pencil_case"),
    ("shoes", r"shoe|sneaker|runner|boot"),
    ("glasses", r"glasses"),
    (
        "cartons",
        r"juice|tropicana|milk|yogh?urt|oatghurt|soygh?urt|sour-cream|boxes|carton|_box\b|_box_|present|mailbox",
    ),
    ("food", r"grocery/|banana|strawberry|apple|lemon|peach|pear|orange|plum|burger|cake|chocolate"),
    ("toys", r"toy|lego|duplo|rubik|wagon|ball|dice|marbles|colored_wood|peg_test|foam_brick|airplane|action_fig"),
    ("kitchen", r"cups|mug|bowl|plate|pitcher|skillet|spatula|fork|spoon|knife|drainer|utensil|sponge|bottle|windex"),
    ("kitchen", r"_can\b|_can_|cleanser"),
    ("tools", r"drill|wrench|screwdriver|hammer|clamp|scissors|padlock|chain|marker|wood_block|magnifying|caddy"),
    ("jewellery", r"magento/[mw]g\d"),
    ("sports", r"magento/(luma|ug|lt)"),
)
"""The kinds of products whose table has no column `category`, by regular expressions for their names; the first match
counts."""
CATEGORIES = {
    "sunglasses": "glasses",
    "boxes": "cartons",
    "clothing": "garments",
    "groceries": "food",
    "tableware": "kitchen",
    "glassware": "kitchen",
    "bottles": "kitchen",
}
"""Categories of 3D models whose kind has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a picture shows: the sources and kinds of all products in it."""

    sources: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A part of the data: pictures whose source contains `value` (upper or lower case), or that show the kind
    `value`."""

    by: By
    value: str

    def __str__(self) -> str:
        return f"{self.by}:{self.value}"

    def holds(self, label: Label) -> bool:
        """Whether a picture with that label belongs to the fold."""
        if self.by == "kind":
            return self.value in label.kinds
        return any(self.value.lower() in source.lower() for source in label.sources)


DRAWN_GARMENT = Label(sources=("drawn",), kinds=("garments",))
DRAWN_SHAPE = Label(sources=("drawn",), kinds=())
FASHION = Label(sources=("fashion",), kinds=("garments",))
"""The labels of drawn pictures, and of street fashion photographs, which show people in clothes."""


def parse_fold(text: str) -> Fold:
    """The fold that `text` names, such as `kind:shoes`. Raises ConfigError for any other text."""
    by, _, value = text.partition(":")
    for known in get_args(By):
        if by == known and value:
            return Fold(by=known, value=value)
    raise ConfigError(f"{text!r} is not a fold", ["expected source:NAME or kind:NAME, such as kind:shoes"])


def held(folds: Iterable[Fold], label: Label) -> bool:
    """Whether one of the folds contains a picture with that label."""
    return any(fold.holds(label) for fold in folds)


def kind_of(name: str) -> str:
    """The kind of a product, from its name; `other` if no pattern matches."""
    return next((kind for kind, pattern in KINDS if re.search(pattern, name, re.IGNORECASE)), "other")


def product_labels(file: Path) -> dict[str, Label]:
    """The label of each product in a table, by name; the kind is its `category` if the table has that column."""
    return {row["name"]: _product_label(row) for row in _rows(file, ("name", "source", "category"))}


def render_labels(files: Iterable[Path], models: Path | None) -> dict[str, Label]:
    """The label of each render, by name; `models` is a CSV of `name, category, source`.

    A model that is not in that table is labelled by its name, and so are all models without a table.
    """
    known = _models(models) if models is not None and models.exists() else {}
    return {
        row["name"]: _render_label(row["model"].split("+"), known)
        for file in files
        for row in _rows(file, ("name", "model"))
    }


def check_known(folds: Iterable[Fold], labels: Iterable[Label], *, drawn: bool) -> None:
    """Raise ConfigError if a fold is empty: leaving it out would have no effect, and there would be nothing to measure.

    With `drawn`, drawn garments and street fashion count too.
    """
    known = list(labels)
    all_labels = [*known, DRAWN_GARMENT, FASHION] if drawn else known
    empty = [fold for fold in folds if not any(map(fold.holds, all_labels))]
    if empty:
        kinds = sorted({kind for label in known for kind in label.kinds})
        sources = sorted({source for label in known for source in label.sources})
        raise ConfigError(
            f"no picture matches {', '.join(map(str, empty))}",
            [f"kinds: {', '.join(kinds)}", f"sources: {'; '.join(sources)}"],
        )


def _rows(file: Path, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    names = pq.read_schema(file).names
    rows: list[dict[str, Any]] = pq.read_table(file, columns=[name for name in wanted if name in names]).to_pylist()
    return rows


def _product_label(row: Mapping[str, Any]) -> Label:
    kind = row.get("category") or kind_of(row["name"])
    return Label(sources=(row.get("source") or "",), kinds=(CATEGORIES.get(kind, kind),))


def _models(file: Path) -> dict[str, Label]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["name"]: _product_label(row) for row in csv.DictReader(lines)}


def _render_label(models: Iterable[str], known: Mapping[str, Label]) -> Label:
    labels = [known.get(model) or _product_label({"name": model}) for model in models]
    return Label(
        sources=(RENDERED, *(source for label in labels for source in label.sources)),
        kinds=tuple(kind for label in labels for kind in label.kinds),
    )
