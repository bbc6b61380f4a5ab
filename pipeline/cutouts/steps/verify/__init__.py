"""verify: whether tables, ledger, objects and catalogue are whole and agree, and the repair of what is not.

What is damaged is never deleted: it is moved to `damaged/` beside the tables, and made again from what is sound.
"""

from cutouts.steps.verify.findings import Finding
from cutouts.steps.verify.objects import broken_objects
from cutouts.steps.verify.verification import Verification, verify

__all__ = ["Finding", "Verification", "broken_objects", "verify"]
