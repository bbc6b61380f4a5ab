"""What the DAGs tell each other, by name: another team's DAG schedules on `Asset("cutouts")` without importing this."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from cutouts_airflow.watching import LandedTrigger, UntoldTrigger

LANDING = Asset("landing", watchers=[AssetWatcher(name="manifest landed", trigger=LandedTrigger())])
"""Has an event when a manifest landed that was not taken yet."""

UNTOLD = Asset("untold", watchers=[AssetWatcher(name="something to announce", trigger=UntoldTrigger())])
"""Has an event when there is something on record that `manifest` or `cutouts` should have had an event for."""

MANIFEST = Asset("manifest")
"""One partition per accepted delivery, with the delivery's key (`YYYY-MM-DD/delivery_id`) as the partition key."""

CUTOUTS = Asset("cutouts")
"""One partition per delivery of which something was published, with the same key; the event's extra has the counts."""
