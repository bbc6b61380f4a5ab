"""Which renditions each live image gets: those that its row of the manifest asks for, or all of the site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.records import Plan
from cutouts.core.renditions.records import LiveCutout, RenditionEntry
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.table_paths import plan_file
from cutouts.steps.wishes import wished_renditions


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedRenditions:
    """The names of the renditions of each image that does not get all of them, by delivery id and image id."""

    names: Mapping[tuple[str, str], frozenset[str]]

    def of(self, images: Iterable[LiveCutout]) -> tuple[LiveCutout, ...]:
        """The images with those of their renditions that they get; images that get none of them are left out."""
        found = (replace(one, renditions=self._of(one, one.renditions)) for one in images)
        return tuple(one for one in found if one.renditions)

    def refuse(self, entry: RenditionEntry) -> bool:
        """Whether the image of a picture does not get this rendition."""
        return not self._of(entry, (entry.rendition,))

    def _of(self, image: LiveCutout | RenditionEntry, names: tuple[str, ...]) -> tuple[str, ...]:
        wished = self.names.get((image.delivery_id, image.image_id))
        return names if wished is None else tuple(name for name in names if name in wished)


def renditions_wished(
    catalog: Catalog, tables: Store, renditions: Sequence[Rendition], *, delivery_id: str | None = None
) -> WishedRenditions:
    """What the newest rows of live images ask for: of all images, or of those of a delivery id.

    A row is in the plan of its delivery, which is kept as long as its images are live. Raises DamagedError if it cannot
    be read, so that no picture goes to a channel that its image does not get.
    """
    names: dict[tuple[str, str], frozenset[str]] = {}
    meant = cache(lambda text: wished_renditions(text, renditions))
    for (of, day), plans in catalog.renditions.plans(delivery_id=delivery_id).items():
        found = [find_record(tables, plan_file(one, "plan.json"), Plan) for one in plans]
        if not any(plan and plan.channels for plan in found):
            continue
        left = set(catalog.renditions.live_on(of, day))
        for plan in found:
            for image_id, text in _rows(tables, plan) if plan and left else ():
                if image_id in left:
                    left.remove(image_id)
                    if text is not None:
                        names[of, image_id] = meant(text)
    return WishedRenditions(names=names)


def _rows(tables: Store, plan: Plan) -> Iterable[tuple[str, str | None]]:
    rows = read_table(tables, plan_file(plan.plan_id, "delivery.parquet"), ["image_id", "channels"])
    return zip(rows.column("image_id").to_pylist(), rows.column("channels").to_pylist(), strict=True)
