"""The recipe: everything that changes the pixels, in two parts with a digest each. It does not say where work runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache

from cutouts.core.matting.preprocess import Preprocessing
from cutouts.core.records import RecipeDigests

MATTE_METHOD = "matte-9"
"""Version of the code that makes a matte from saliency. Whoever changes its results raises it."""
MEASURE_METHOD = "measure-2"
"""Version of the code that measures a matte. Raised likewise, because a calibration of the gate depends on it."""
RENDER_METHOD = "render-5"
"""Version of the code that makes a cutout from photograph and matte, including decoding and encoding. Raised likewise.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the matte is made (network, preprocessing, method) and how the cutout is rendered (method, crop).

    `model_digest` is the digest of the network's file in its row: the sha256, or `md5:…` if only that is published.
    `output` says which of its outputs is used, and how it is read.
    """

    model_digest: str
    preprocessing: Preprocessing
    output: str = "0 probability"
    matte_method: str = MATTE_METHOD
    measure_method: str = MEASURE_METHOD
    render_method: str = RENDER_METHOD
    crop: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What a person should know of it, in lines."""
        given = self.preprocessing
        how = "letterbox" if given.letterbox else "stretched"
        return (
            f"network {self.model_digest}, output {self.output}",
            f"its input: {given.width_px}×{given.height_px} px, {how}, {given.colour_space}",
            f"methods {self.matte_method} and {self.render_method}" + (", cropped" if self.crop else ""),
        )

    @property
    def digests(self) -> RecipeDigests:
        """The two digests that identify this recipe in everything made with it."""
        return _digests(self)


@cache
def _digests(recipe: Recipe) -> RecipeDigests:
    """Computed once, because every image of a job needs them."""
    preprocessing = asdict(recipe.preprocessing)
    return RecipeDigests(
        matte_digest=_digest(
            [recipe.model_digest, preprocessing, recipe.output, recipe.matte_method, recipe.measure_method]
        ),
        render_digest=_digest([recipe.render_method, recipe.crop]),
    )


def _digest(parts: list[object]) -> str:
    """The first 16 hexadecimal characters of the sha256 of the parts as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
