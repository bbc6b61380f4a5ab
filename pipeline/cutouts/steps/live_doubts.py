"""The probability that the masks of live images are bad, from what the ledger has measured of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import open_store
from cutouts.core.config import Site
from cutouts.core.records import RecipeDigests
from cutouts.models.calibrations import find_calibration
from cutouts.steps.doubts import p_bad_of
from cutouts.steps.ledger import recall
from cutouts.steps.networks import cut_by, made_by, recipes_in

UNKNOWN = 1.0
"""The doubt about a mask whose measurements are gone, or whose network is not calibrated: it may be bad."""


def live_doubts(site: Site, live: pa.Table) -> np.ndarray:
    """The doubt about each live image, float64 (n,); `live` has the columns of `PUBLISHED`."""
    found = np.full(live.num_rows, UNKNOWN)
    for recipe in recipes_in(live):
        found[made_by(live, recipe).to_numpy()] = _of_recipe(site, recipe, cut_by(live, recipe))
    return found


def _of_recipe(site: Site, recipe: RecipeDigests, live: pa.Table) -> np.ndarray:
    ids, contents = live.column("image_id"), live.column("sha256")
    asked = pa.table({"image_id": ids, "uri": ids, "content": contents})
    metrics = recall(open_store(site.tables_url), recipe, asked).metrics
    p_bad = p_bad_of(metrics, {recipe.matte_digest: find_calibration(recipe.matte_digest, site.models)})
    at = pc.index_in(ids, value_set=metrics.column("image_id"))
    return np.asarray(pc.fill_null(p_bad.take(at.combine_chunks()), UNKNOWN).to_numpy(zero_copy_only=False), np.float64)
