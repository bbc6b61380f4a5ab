"""verify: checks that tables, ledger, objects and catalogue are complete and agree, and repairs faults.

Damaged tables are never deleted: they are moved to `damaged/` beside the tables. Everything that can be is made again
from sound data.
"""

from cutouts.steps.verify.findings import Finding
from cutouts.steps.verify.live_objects import require_live_objects
from cutouts.steps.verify.objects import require_sound_objects
from cutouts.steps.verify.verification import Verification, verify

__all__ = ["Finding", "Verification", "require_live_objects", "require_sound_objects", "verify"]
