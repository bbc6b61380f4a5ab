"""Events on the assets `manifest` and `cutouts`: derived from what is on record, so that a kill loses none.

An event is in Airflow once its task has succeeded. Only then is it recorded that others were told, by a callback
that asks Airflow first. A kill in between announces once more; nothing is ever announced too seldom.
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
"""How long whoever published has to announce it: a task of ours does so within seconds, a command never does."""

REFRESH = "catalog_refresh"
ANNOUNCING = "announcements"


@logged_without_secrets
def untold() -> tuple[str, ...]:
    """What the DAG `announcements` could announce now; nothing while a run of it is under way."""
    from cutouts import intake

    if _unfinished(ANNOUNCING):
        return ()
    waiting = intake.waiting(site(), at_most=_room())
    return (*map(str, waiting.first), *unannounced())


@logged_without_secrets
def unannounced() -> tuple[str, ...]:
    """The keys of deliveries with publications that nobody was told of, although there was time to."""
    from cutouts import steps

    found = steps.unannounced(site(), before=datetime.now(UTC) - GRACE)
    return tuple(str(one.delivery) for one in found)


@logged_without_secrets
def hand_over(asset: Asset) -> None:
    """Announce the first waiting deliveries, as many as may be in work at a time.

    More would only wait as runs, and Airflow 3.3 cannot show an asset whose event made a run that waits.
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
    """Take what was handed over out of the queue, now that it is in Airflow."""
    from cutouts import intake

    if _has_succeeded(context):
        for asset in context["task"].outlets:
            keys = context["outlet_events"][asset].partition_keys
            intake.leave(site(), [DeliveryKey.parse(key) for key in keys])


@logged_without_secrets
def announce(asset: Asset, delivery: str) -> None:
    """Announce what was published of a delivery and what nobody was told of; no event if that is nothing."""
    from cutouts import steps

    here, context = site(), get_current_context()
    found = steps.unannounced(here, delivery=DeliveryKey.parse(delivery))
    if not found:
        log.info("Delivery %s: nothing changed since it was announced last, so there is no event.", shown(delivery))
        context["task"].outlets = []  # Airflow makes an event for each outlet that a task has when it succeeds
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
    """Record that others were told of these publications, now that it is in Airflow."""
    from cutouts import steps

    if _has_succeeded(context):
        for asset in context["task"].outlets:
            steps.mark_announced(site(), context["outlet_events"][asset].extra["publication_ids"])


def _room() -> int:
    """How many more deliveries may be in work."""
    return DELIVERIES_AT_ONCE - _unfinished(REFRESH)


def _unfinished(dag_id: str) -> int:
    """How many runs of a DAG have not ended; a trigger may ask this too."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return int(RuntimeTaskInstance.get_dr_count(dag_id=dag_id, states=["queued", "running"]))


def _has_succeeded(context: Mapping[str, Any]) -> bool:
    """Whether Airflow knows of the success, and so of the events; it refuses it of a task that it gave up before."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index)
    return set(states.get(ti.run_id, {}).values()) == {"success"}
