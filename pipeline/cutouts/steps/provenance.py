"""Keeps what digests stand for: the recipe behind a matte's two digests, and the text of the suite that judged it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cutouts.adapters.code_version import code_version
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.core.recipe import Recipe
from cutouts.core.records import RecipeDigests
from cutouts.core.table_paths import recipe_file, suite_file
from cutouts.core.text.files import text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecipe:
    """A recipe, the name of its network when it was first used here, and the code that first used it."""

    model: str
    recipe: Recipe
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSuite:
    """The text of a suite's file."""

    text: str


def keep_recipe(tables: Store, model: str, recipe: Recipe) -> None:
    """Store the recipe under its digests, unless it is stored already."""
    name = recipe_file(recipe.digests)
    if find_record(tables, name, KeptRecipe) is None:
        write_record(tables, name, KeptRecipe(model=model, recipe=recipe, code=code_version()))


def kept_recipe(tables: Store, recipe: RecipeDigests) -> KeptRecipe | None:
    """The recipe with these digests; None if it is not stored, as when only an earlier release used it here."""
    return find_record(tables, recipe_file(recipe), KeptRecipe)


def keep_suite(tables: Store, text: bytes) -> str:
    """Store the text of a suite. Returns its digest, 32 hexadecimal characters."""
    digest = hashlib.sha256(text).hexdigest()[:32]
    if find_record(tables, suite_file(digest), KeptSuite) is None:
        write_record(tables, suite_file(digest), KeptSuite(text=text_of(text)))
    return digest


def suite_text(tables: Store, digest: str) -> str | None:
    """The text of the suite with that digest; None if it is not stored."""
    kept = find_record(tables, suite_file(digest), KeptSuite) if digest else None
    return kept.text if kept else None
