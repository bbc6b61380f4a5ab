"""What the rows of a manifest wish for, compared with what the site has: the network and the channels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.config import Site
from cutouts.core.errors import ManifestError, ModelError
from cutouts.core.manifests.wishes import CHANNELS, MODEL, channels_in, wishing_unknown
from cutouts.core.recipe import Recipe
from cutouts.core.records import DeliveryKey
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts.recipes import renditions_named
from cutouts.stages import job_of

_SHOWN = 10


def wished_model(delivery: DeliveryKey, rows: pa.Table) -> str:
    """The network that the rows of a delivery ask for; empty if none does. Raises ManifestError if they differ."""
    names = sorted("" if name is None else name for name in pc.unique(rows.column(MODEL)).to_pylist())
    if len(names) > 1:
        told = ", ".join(shown(name) if name else "none" for name in names[:_SHOWN])
        problem = f"model: its rows name several ({told}), but one delivery has one network"
        raise ManifestError(f"delivery {delivery} cannot be used", [problem])
    return names[0] if names else ""


def with_model(site: Site, model: str) -> Site:
    """The site with the network that a delivery asks for; its own one if that is empty."""
    return site.model_copy(update={"model": model}) if model else site


def recipe_of_wish(site: Site, delivery: DeliveryKey, model: str) -> Recipe:
    """The recipe of a site whose network a delivery asked for, if `model` is not empty.

    Raises ManifestError if the site does not have that network; ModelError if its own is not available.
    """
    try:
        return job_of(site).recipe
    except ModelError as error:
        if not model:
            raise
        raise ManifestError(f"delivery {delivery} cannot be used", [f"model: {error}"]) from None


def require_known_channels(site: Site, delivery: DeliveryKey, rows: pa.Table) -> None:
    """Raise ManifestError if a row names a channel that the site makes no rendition for."""
    if rows.column(CHANNELS).null_count == rows.num_rows:
        return
    renditions = renditions_named(site.renditions, site.recipes)
    known = {name for one in renditions for name in _names(one)}
    problems = []
    for name, flags in wishing_unknown(rows, known).items():
        ids = rows.column("image_id").take(pa.array(np.flatnonzero(flags)[:_SHOWN])).to_pylist()
        told = ", ".join(shown(one) for one in ids)
        problems.append(
            f"channels: {shown(name)} is not a rendition or channel of this site "
            f"(it has {', '.join(sorted(known)) or 'none'}): {counted(int(flags.sum()), 'row')}: {told}"
        )
    if problems:
        raise ManifestError(f"delivery {delivery} cannot be used", problems)


def wished_renditions(channels: str, renditions: Iterable[Rendition]) -> frozenset[str]:
    """The names of the renditions that a value of the column `channels` asks for, by their name or their channel."""
    asked = set(channels_in(channels))
    return frozenset(one.name for one in renditions if asked.intersection(_names(one)))


def _names(rendition: Rendition) -> tuple[str, ...]:
    return (rendition.name,) if rendition.rules is None else (rendition.name, rendition.rules)
