"""What the rows of a manifest wish for, compared with what the site has: the networks and the channels."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedNetwork:
    """A network that rows of a delivery ask for, by `model` (empty: the site's), its recipe, and which rows these are
    (bool; None: all)."""

    model: str
    recipe: Recipe
    rows: NDArray[np.bool_] | None = None

    def among(self, flags: pa.ChunkedArray) -> pa.ChunkedArray:
        """The flags of its own rows; false for the others."""
        return flags if self.rows is None else pa.chunked_array([pa.array(self.rows & flags.to_numpy())])


def own_network(site: Site) -> WishedNetwork:
    """The site's network, by its name, for all rows whatever they ask for. Raises ModelError if it is not available."""
    return WishedNetwork(model=site.model, recipe=job_of(site).recipe)


def wished_networks(site: Site, delivery: DeliveryKey, rows: pa.Table) -> tuple[WishedNetwork, ...]:
    """The networks that the rows of a delivery ask for, the site's first. Names of the same recipe are one network.

    Raises ManifestError with every name that the site does not have or may not use, ModelError if its own network is
    not available.
    """
    wishes = rows.column(MODEL)
    names = sorted({"" if name in (None, site.model) else name for name in pc.unique(wishes).to_pylist()})
    problems, found = [], dict[Recipe, list[str]]()
    for name in names or [""]:
        try:
            found.setdefault(job_of(with_model(site, name)).recipe, []).append(name)
        except ModelError as error:
            if not name:
                raise
            problems.append(f"model: {error}: {_named(rows, _asking(site, wishes, [name]))}")
    if problems:
        raise ManifestError(f"delivery {delivery} cannot be used", problems)
    if len(found) == 1:
        return tuple(WishedNetwork(model=same[0], recipe=recipe) for recipe, same in found.items())
    return tuple(
        WishedNetwork(model=same[0], recipe=recipe, rows=_asking(site, wishes, same)) for recipe, same in found.items()
    )


def _asking(site: Site, wishes: pa.ChunkedArray, names: Collection[str]) -> NDArray[np.bool_]:
    """The rows that ask for one of these networks; the empty name is the site's own."""
    asked = pc.fill_null(wishes, "")
    own = [site.model] if "" in names else []
    return np.asarray(pc.is_in(asked, value_set=pa.array([*names, *own], pa.string())), np.bool_)


def with_model(site: Site, model: str) -> Site:
    """The site with the network that rows ask for; its own one if that is empty."""
    return site.model_copy(update={"model": model}) if model else site


def require_known_channels(site: Site, delivery: DeliveryKey, rows: pa.Table) -> None:
    """Raise ManifestError if a row names a channel that the site makes no rendition for."""
    if rows.column(CHANNELS).null_count == rows.num_rows:
        return
    renditions = renditions_named(site.renditions, site.recipes)
    known = {name for one in renditions for name in _names(one)}
    problems = []
    for name, flags in wishing_unknown(rows, known).items():
        problems.append(
            f"channels: {shown(name)} is not a rendition or channel of this site "
            f"(it has {', '.join(sorted(known)) or 'none'}): {_named(rows, flags)}"
        )
    if problems:
        raise ManifestError(f"delivery {delivery} cannot be used", problems)


def wished_renditions(channels: str, renditions: Iterable[Rendition]) -> frozenset[str]:
    """The names of the renditions that a value of the column `channels` asks for, by their name or their channel."""
    asked = set(channels_in(channels))
    return frozenset(one.name for one in renditions if asked.intersection(_names(one)))


def _named(rows: pa.Table, flags: NDArray[np.bool_]) -> str:
    """The number of flagged rows, and the ids of the first."""
    ids = rows.column("image_id").take(pa.array(np.flatnonzero(flags)[:_SHOWN])).to_pylist()
    return f"{counted(int(flags.sum()), 'row')}: {', '.join(shown(one) for one in ids)}"


def _names(rendition: Rendition) -> tuple[str, ...]:
    return (rendition.name,) if rendition.rules is None else (rendition.name, rendition.rules)
