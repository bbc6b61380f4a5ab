"""Where work comes from: manifests that arrive, and manifests made from folders of images."""

from cutouts.intake.landing import (
    Intake,
    ManifestRefusal,
    deliveries_between,
    deliveries_on,
    inspect,
    landed,
    refused,
    rows_of,
    source_of,
    take,
)
from cutouts.intake.photograph_folder import folder_manifest
from cutouts.intake.queue import Queue, leave, waiting

__all__ = [
    "Intake",
    "ManifestRefusal",
    "Queue",
    "deliveries_between",
    "deliveries_on",
    "folder_manifest",
    "inspect",
    "landed",
    "leave",
    "refused",
    "rows_of",
    "source_of",
    "take",
    "waiting",
]
