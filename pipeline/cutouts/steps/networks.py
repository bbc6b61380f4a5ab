"""Which network cuts each image of a plan, and what is known of these networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.calibration import Calibration
from cutouts.core.config import Site
from cutouts.core.records import Plan, PlannedNetwork, RecipeDigests
from cutouts.models.calibrations import find_calibration
from cutouts.steps.ledger import SCHEMAS, Results

RECIPE = ("matte_digest", "render_digest")
"""The columns that say by which recipe an image was cut, in every table that has them."""


def images_of(plan: Plan, network: PlannedNetwork, images: pa.Table) -> pa.Table:
    """The rows of the plan's images (`DELIVERY`) that this network cuts."""
    return images.filter(_cut_by(network, images)) if plan.several else images


def recipes_of(plan: Plan, images: pa.Table) -> tuple[pa.Array, pa.Array]:
    """The matte digest and the render digest of each of the plan's images (`DELIVERY`)."""
    if not plan.several:
        matte, render = astuple(plan.recipe)
        return pa.repeat(matte, images.num_rows), pa.repeat(render, images.num_rows)
    flags = [np.asarray(_cut_by(network, images).to_numpy(), np.bool_) for network in plan.networks]
    mattes, renders = zip(*(astuple(one.recipe) for one in plan.networks), strict=True)
    return chosen(flags, mattes), chosen(flags, renders)


def chosen(flags: Sequence[NDArray[np.bool_]], values: Sequence[str | None]) -> pa.Array:
    """For each row the value whose flag is true; exactly one is."""
    return pa.array(values, pa.string()).take(pa.array(np.argmax(flags, axis=0)))


def calibrations_of(site: Site, plan: Plan) -> Mapping[str, Calibration | None]:
    """The calibration of each network of a plan by its matte digest; None if it has none. Raises GateError."""
    digests = (network.recipe.matte_digest for network in plan.networks)
    return {digest: find_calibration(digest, site.models) for digest in digests}


def made_by(rows: pa.Table, recipe: RecipeDigests) -> pa.ChunkedArray:
    """Whether this recipe made each row of a table with the columns of `RECIPE`."""
    return pc.and_(*(pc.equal(rows.column(name), value) for name, value in zip(RECIPE, astuple(recipe), strict=True)))


def cut_by(rows: pa.Table, recipe: RecipeDigests) -> pa.Table:
    """The rows of a table with the columns of `RECIPE` that this recipe made."""
    return rows.filter(made_by(rows, recipe))


def recipes_in(rows: pa.Table) -> list[RecipeDigests]:
    """The recipes that made the rows of a table with the columns of `RECIPE`."""
    return [RecipeDigests(**one) for one in rows.select(RECIPE).group_by([*RECIPE]).aggregate([]).to_pylist()]


def results_by(results: Results, recipe: RecipeDigests) -> Results:
    """The results that this recipe made."""
    return Results(**{name: cut_by(getattr(results, name), recipe) for name in SCHEMAS})


def versions(rows: pa.Table) -> list[tuple[str, str, RecipeDigests]]:
    """Image id, content and recipe of each row of a table that has them."""
    names = ("image_id", "sha256", *RECIPE)
    return [
        (image_id, sha256, RecipeDigests(matte_digest=matte, render_digest=render))
        for image_id, sha256, matte, render in zip(*(rows.column(name).to_pylist() for name in names), strict=True)
    ]


def _cut_by(network: PlannedNetwork, images: pa.Table) -> pa.ChunkedArray:
    return pc.equal(pc.fill_null(images.column("model"), ""), network.model)
