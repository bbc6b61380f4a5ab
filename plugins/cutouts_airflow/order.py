"""How much is in work at a time, and which waiting task takes a free slot first.

What ends a delivery goes before what begins one, tonight's before older ones. Airflow's own rule (`downstream`) does
the opposite: it prefers the first task of a run, so all deliveries begin before any of them ends. With
`weight_rule="absolute"` these numbers are taken as they are.
"""

from __future__ import annotations

from typing import Final

DELIVERIES_AT_ONCE: Final = 4
"""Runs of `catalog_refresh`: enough to keep two shards in work; with more, all of them would end late."""

SHARDS_AT_ONCE: Final = 2
"""Over all runs: each opens a local cluster, or fills its share of the standing one."""

OLDER_AT_ONCE: Final = 1
"""Deliveries of a backfill that are cut at a time, over all of its runs."""

BACKFILL_POOL: Final = "cutouts_backfill"
"""The pool of a backfill's tasks, so that no more than this many of them take slots that others need."""
BACKFILL_SLOTS: Final = 2

DELIVERIES_A_RUN: Final = 500
"""Deliveries that one run of a backfill maps over; Airflow allows 1,024. What is beyond goes on with the next run."""

INTAKE: Final = 30
"""Short tasks that only take, list or announce."""

PUBLISH: Final = 24
GATE: Final = 23
SEGMENT: Final = 22
PLAN: Final = 21

BACKFILL: Final = -10
"""Added for a delivery of a backfill: it uses only what tonight's deliveries leave free."""
