"""Reads the rows of one delivery from its manifest, and says every problem that they have."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.manifests.opening import open_manifest
from cutouts.adapters.storage.store import Store
from cutouts.core.errors import ManifestError
from cutouts.core.manifests.checks import EMPTY, check_content, placed, without_blanks
from cutouts.core.records import DeliveryKey
from cutouts.core.sources.locations import CHAINED
from cutouts.core.text.display import printable
from cutouts.schemas.tables import MANIFEST
from cutouts.steps.verdicts import refusals_of

_NAMED = 10
"""A manifest without the asked delivery names at most this many others."""


def read_delivery(tables: Store, source: str, delivery: DeliveryKey) -> pa.Table:
    """The checked rows of one delivery as it is now, with absolute URIs. Raises ManifestError with a list of every
    problem."""
    manifest = open_manifest(source, day=delivery.date)
    rows = manifest.read(delivery.date, delivery_id=delivery.delivery_id)
    if rows.num_rows == 0:
        raise ManifestError(f"delivery {delivery} is not in the manifest {source}", [_instead_of(delivery, source)])
    pa.default_memory_pool().release_unused()
    table = rows.select(MANIFEST.names)
    bad = check_content(rows) or [placed(one, rows) for one in refusals_of(tables, delivery.delivery_id, table)]
    if bad:
        raise ManifestError(f"delivery {delivery} cannot be used", [problem.words for problem in bad])
    return _absolute(table, manifest.base)


def _instead_of(delivery: DeliveryKey, source: str) -> str:
    """What a manifest has instead of a delivery that it lacks; first those with the same id or day."""
    manifest = open_manifest(source)
    found = [
        (day.isoformat(), delivery_id)
        for day, rows in manifest.by_day(["delivery_id"])
        if day
        for delivery_id in pc.unique(without_blanks(rows.column("delivery_id"))).drop_null().to_pylist()
    ]
    if not found:
        return "none of its rows states a day and a delivery" if manifest.rows else EMPTY
    found.sort(key=lambda key: (key[1] != delivery.delivery_id, key[0] != delivery.date.isoformat(), key))
    more = ", …" if len(found) > _NAMED else ""
    return f"it has {', '.join(printable('/'.join(key)) for key in found[:_NAMED])}{more}"


def _absolute(rows: pa.Table, base: str) -> pa.Table:
    """Make relative URIs absolute: they start at `base`. A URI without a scheme that is not chained is a path."""
    uri = rows.column("uri")
    relative = pc.invert(pc.match_substring_regex(uri, rf"^(/|(?i:[a-z][a-z0-9+.-]*)://)|{CHAINED}"))
    if not pc.any(relative).as_py():
        return rows
    name = pc.replace_substring_regex(uri, r"^(\./+)+", "")
    absolute = pc.if_else(relative, pc.binary_join_element_wise(base, name, ""), uri)
    return rows.set_column(rows.schema.get_field_index("uri"), "uri", absolute)
