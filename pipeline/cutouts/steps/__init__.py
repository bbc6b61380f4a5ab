"""plan → segment → gate → publish: each step reads one keyed thing, writes one keyed thing, and may be repeated.

The last file that a step writes is its receipt. A step that finds its receipt returns the result and does nothing.
"""

from cutouts.steps.announce import facts_of, mark_announced, unannounced
from cutouts.steps.delivery_rows import read_delivery
from cutouts.steps.gate import gate
from cutouts.steps.plan import plan
from cutouts.steps.publish import approve, keep_back, publish, read_decision, reject, waiting_hold, waiting_holds
from cutouts.steps.reconciliation import read_results
from cutouts.steps.reviews import reviewed_images
from cutouts.steps.segment import segment

__all__ = [
    "approve",
    "facts_of",
    "gate",
    "keep_back",
    "mark_announced",
    "plan",
    "publish",
    "read_decision",
    "read_delivery",
    "read_results",
    "reject",
    "reviewed_images",
    "segment",
    "unannounced",
    "waiting_hold",
    "waiting_holds",
]
