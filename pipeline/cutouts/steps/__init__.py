"""plan → segment → gate → publish: each reads one keyed thing, writes one keyed thing, and may be run again.

Whatever a step writes last is its receipt; a step that finds it there gives back what it says and does nothing.
"""

from cutouts.steps.announce import facts_of, mark_announced, unannounced
from cutouts.steps.gate import gate, read_results
from cutouts.steps.plan import plan, read_delivery
from cutouts.steps.publish import approve, publish, read_decision, reject, waiting_hold, waiting_holds
from cutouts.steps.segment import segment

__all__ = [
    "approve",
    "facts_of",
    "gate",
    "mark_announced",
    "plan",
    "publish",
    "read_decision",
    "read_delivery",
    "read_results",
    "reject",
    "segment",
    "unannounced",
    "waiting_hold",
    "waiting_holds",
]
