"""docs/training.md compared with the code: the commands, files, columns and kinds that it names exist."""

from __future__ import annotations

import re

from cutouts.training.batches.shares import SHARES
from cutouts.training.data.cache import FASHION, MODELS, PRODUCTS, RENDERS, SCENES
from cutouts.training.data.examples import SIDES
from cutouts.training.data.folds import CATEGORIES, KINDS
from cutouts.training.drawing.composite import MODEL_SHARE
from tests.docs.pages import TRAINING, prose, rows

FILES = {row[0].split("`")[1]: row[1] for row in rows(TRAINING, "## The data")}


def test_the_listed_files_are_those_that_are_read() -> None:
    """They are fashion, products, scenes, renders and the table of models."""
    assert {FASHION, PRODUCTS, SCENES, RENDERS, MODELS} <= set(FILES)
    assert set(SIDES) <= set(re.findall(r"`(\w+)`", FILES[PRODUCTS]))


def test_every_kind_that_a_name_can_state_is_listed() -> None:
    """Users need its name to leave a kind out."""
    told = re.search(r"The kinds of our data are ([^.]*)\.", prose(TRAINING))
    assert told
    named = set(re.split(r",\s+|\s+and\s+", told[1]))
    assert {kind for kind, _ in KINDS} | set(CATEGORIES.values()) <= named


def test_the_documented_shares_of_renders_match_the_code() -> None:
    """They are percentages of composites and of photographed products."""
    text = prose(TRAINING)
    assert f"{SHARES.rendered:.0%} of the composites".replace("%", " %") in text
    assert f"{MODEL_SHARE:.0%} of the photographed products".replace("%", " %") in text
