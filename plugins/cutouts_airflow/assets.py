"""The assets by which the DAGs inform each other. Other teams' DAGs can schedule on `Asset("cutouts")` without
importing this."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from cutouts_airflow.watching import LandedTrigger, UntoldTrigger

LANDING = Asset("landing", watchers=[AssetWatcher(name="manifest landed", trigger=LandedTrigger())])
"""Has an event when a manifest has landed that was not taken yet."""

UNTOLD = Asset("untold", watchers=[AssetWatcher(name="something to announce", trigger=UntoldTrigger())])
"""Has an event when stored records show that an event of `manifest` or `cutouts` is missing."""

MANIFEST = Asset("manifest")
"""One partition per accepted delivery, with the delivery's key (`YYYY-MM-DD/delivery_id`) as the partition key."""

CUTOUTS = Asset("cutouts")
"""One partition per delivery with a publication, with the same key; the event's extra has the counts."""
