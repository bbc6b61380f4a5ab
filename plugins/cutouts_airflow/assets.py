"""What the DAGs tell each other, by name: another team's DAG schedules on `Asset("cutouts")` without importing this."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from cutouts_airflow.landing import LandedTrigger

LANDING = Asset("landing", watchers=[AssetWatcher(name="manifest landed", trigger=LandedTrigger())])
"""Has an event when a manifest landed that was not taken yet."""

MANIFEST = Asset("manifest")
"""One partition per accepted delivery, with the delivery's key (`YYYY-MM-DD/delivery_id`) as the partition key."""

CUTOUTS = Asset("cutouts")
"""One partition per published delivery, with the same key; a held delivery has none."""
