"""Years of deliveries under several recipes: each recipe's results stay whole, apart and quick to find."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from cutouts.adapters.storage.store import Store
from cutouts.core.records import RecipeDigests
from cutouts.steps.ledger import Results, join_parts, known_contents, recall, record
from cutouts.steps.ledger.joining import MANY
from tests.steps.ledger.made import content, images_of, results

RECIPES = tuple(RecipeDigests(matte_digest=letter * 16, render_digest="b" * 16) for letter in "ace")
PER_RECIPE = 2 * MANY + 5


def test_a_ledger_of_years_knows_each_recipe_by_itself(tmp_path: Path) -> None:
    """Three networks, one after the other and back again; images were cut by one, two or all of them.

    After each delivery the parts are joined, as a plan does. At the end each recipe knows exactly its own images, with
    its own results, and a reader opens few files.
    """
    store = Store(str(tmp_path))
    expected: dict[RecipeDigests, set[int]] = {recipe: set() for recipe in RECIPES}
    for number in range(PER_RECIPE * len(RECIPES)):
        year, recipe = divmod(number, 7)[0], RECIPES[(number // 7) % len(RECIPES)]
        images = range(2 * number, 2 * number + 3) if year % 2 else range(number, number + 3)
        expected[recipe].update(images)
        record(store, recipe, f"{number:032x}", _by(recipe, results(images)))
        join_parts(store, recipe)
    asked = images_of(range(2 * PER_RECIPE * len(RECIPES) + 5))
    for recipe, mine in expected.items():
        known = known_contents(store, recipe, asked)
        assert [*known.to_pylist()] == [content(one) if one in mine else None for one in range(len(asked))]
        found = recall(store, recipe, asked.filter(known.is_valid()))
        assert sorted(map(int, found.masks.column("image_id").to_pylist())) == sorted(mine)
        assert {*found.masks.column("mask").to_pylist()} == {f"{recipe.matte_digest[0]}{one}" for one in mine}
    masks = [*store.names("ledger/masks", ""), *store.names("ledger/joined", "/masks.parquet")]
    assert len(masks) <= len(RECIPES) * MANY


def _by(recipe: RecipeDigests, made: Results) -> Results:
    """The results, with objects that name the recipe."""
    masks = made.masks
    names = [f"{recipe.matte_digest[0]}{one}" for one in masks.column("image_id").to_pylist()]
    for column, values in (("mask", names), ("matte_digest", [recipe.matte_digest] * len(names))):
        at = masks.schema.get_field_index(column)
        masks = masks.set_column(at, masks.schema.field(column), pa.array(values, pa.string()))
    return Results(masks=masks, metrics=made.metrics, rejections=made.rejections)
