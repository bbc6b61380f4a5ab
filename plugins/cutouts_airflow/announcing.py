"""Events on the assets `manifest` and `cutouts`. They are derived from stored records, so that a kill loses none.

An event is in Airflow when its task has succeeded. Only then does a callback, which asks Airflow first, record the
announcement. After a kill in between, the event is announced again, so no event is ever missing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from cutouts.core.records import DeliveryKey
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts_airflow.airflow_site import site
from cutouts_airflow.order import DELIVERIES_AT_ONCE
from cutouts_airflow.redacting import logged_without_secrets

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=30)
"""How long the publisher has time to announce a publication: our tasks do so within seconds, commands never do."""

REFRESH = "catalog_refresh"
ANNOUNCING = "announcements"


@logged_without_secrets
def untold() -> tuple[str, ...]:
    """What the DAG `announcements` could announce now: keys of deliveries, and runs that ask a person. Empty while it
    runs."""
    from cutouts import intake
    from cutouts_airflow import reviewing

    if _unfinished(ANNOUNCING):
        return ()
    waiting = intake.waiting(site(), at_most=_room())
    return (*map(str, waiting.first), *unannounced(), *(one["trigger_run_id"] for one in reviewing.unasked()))


@logged_without_secrets
def unannounced() -> tuple[str, ...]:
    """The keys of deliveries with publications older than `GRACE` that are not announced yet."""
    from cutouts import steps

    found = steps.unannounced(site(), before=datetime.now(UTC) - GRACE)
    return tuple(str(one.delivery) for one in found)


@logged_without_secrets
def hand_over(asset: Asset) -> None:
    """Announce the first waiting deliveries, up to the number that may be in progress at a time.

    More would only wait as runs, and Airflow 3.3 cannot show an asset whose event created a run that waits. Skips the
    task if no delivery waits or none may start.
    """
    from cutouts import intake

    room = _room()
    queue = intake.waiting(site(), at_most=room)
    if not queue.first:
        raise AirflowSkipException(
            f"{counted(queue.length, 'delivery waits', 'deliveries wait')}, {room} more may be in progress"
        )
    log.info("Handed over %s; %d more wait.", shown(", ".join(map(str, queue.first))), queue.length - len(queue.first))
    get_current_context()["outlet_events"][asset].add_partitions([str(key) for key in queue.first])


@logged_without_secrets
def handed_over(context: Mapping[str, Any]) -> None:
    """Remove the handed-over deliveries from the queue, because their events are now in Airflow."""
    from cutouts import intake

    if _has_succeeded(context):
        for asset in context["task"].outlets:
            keys = context["outlet_events"][asset].partition_keys
            intake.leave(site(), [DeliveryKey.parse(key) for key in keys])


@logged_without_secrets
def announce(asset: Asset, delivery: str) -> None:
    """Announce the publications of a delivery that are not announced yet; without any, there is no event."""
    from cutouts import steps

    here, context = site(), get_current_context()
    found = steps.unannounced(here, delivery=DeliveryKey.parse(delivery))
    if not found:
        log.info("Delivery %s: nothing changed since it was announced last, so there is no event.", shown(delivery))
        context["task"].outlets = []  # Airflow creates an event for each outlet that a task has when it succeeds
        return
    (news,) = found
    event = context["outlet_events"][asset]
    event.extra = steps.facts_of(here, news)
    event.add_partitions([delivery])
    log.info(
        "Delivery %s is announced on the asset %s: %d published.", shown(delivery), asset.name, news.counts["published"]
    )


@logged_without_secrets
def announced(context: Mapping[str, Any]) -> None:
    """Record that these publications were announced, because their events are now in Airflow."""
    from cutouts import steps

    if _has_succeeded(context):
        for asset in context["task"].outlets:
            steps.mark_announced(site(), context["outlet_events"][asset].extra["publication_ids"])


def _room() -> int:
    """The number of deliveries that may still start."""
    return DELIVERIES_AT_ONCE - _unfinished(REFRESH)


def _unfinished(dag_id: str) -> int:
    """The number of runs of a DAG that have not ended; triggers may call this too."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return int(RuntimeTaskInstance.get_dr_count(dag_id=dag_id, states=["queued", "running"]))


def _has_succeeded(context: Mapping[str, Any]) -> bool:
    """Whether Airflow has recorded the success, and therefore the events; it refuses a success of a task that it has
    given up."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index)
    return set(states.get(ti.run_id, {}).values()) == {"success"}
