"""Limits how much is in progress at a time, and decides which waiting task gets a free slot first.

Tasks that end a delivery come before tasks that begin one, and tonight's deliveries before older ones. Airflow's own
rule (`downstream`) does the opposite: it prefers the first task of a run, so that all deliveries begin before any of
them ends. With `weight_rule="absolute"`, these numbers are used unchanged.
"""

from __future__ import annotations

from typing import Final

DELIVERIES_AT_ONCE: Final = 4
"""Runs of `catalog_refresh` at a time: enough to keep two shards in progress; with more, all of them would end late."""

SHARDS_AT_ONCE: Final = 2
"""Shards at a time over all runs: each opens a local cluster, or uses its share of the running one."""

OLDER_AT_ONCE: Final = 1
"""Deliveries of a backfill that are cut at a time, over all of its runs."""

QUESTIONS_AT_ONCE: Final = 1_000
"""Runs that wait for a person at a time. They use no worker, and must not keep others waiting."""

BACKFILL_POOL: Final = "cutouts_backfill"
"""The pool of a backfill's tasks, so that no more than `BACKFILL_SLOTS` of them take slots that others need."""
BACKFILL_SLOTS: Final = 2

DELIVERIES_A_RUN: Final = 500
"""The largest number of deliveries in one run of a backfill; Airflow allows 1,024. The next run continues with the
others."""

INTAKE: Final = 30
"""The priority of short tasks that only take, list or announce."""

PUBLISH: Final = 24
RENDER: Final = 20
GATE: Final = 23
SEGMENT: Final = 22
PLAN: Final = 21

BACKFILL: Final = -10
"""Added to the priority of a backfill's tasks: they only use slots that tonight's deliveries leave free."""
