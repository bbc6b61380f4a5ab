"""Which waiting task takes a free slot first: what ends a delivery before what begins one, tonight's before older ones.

Airflow's own rule (`downstream`) does the opposite: it prefers the first task of a run, so all deliveries begin before
any of them ends. `weight_rule="absolute"` takes these numbers as they are.
"""

from __future__ import annotations

from typing import Final

INTAKE: Final = 30
"""Short tasks that only take, list or announce."""

PUBLISH: Final = 24
GATE: Final = 23
SEGMENT: Final = 22
PLAN: Final = 21

BACKFILL: Final = -10
"""Added for a delivery of a backfill: it uses only what tonight's deliveries leave free."""
