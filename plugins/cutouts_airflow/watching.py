"""Watches for changes outside Airflow and for work that was interrupted inside it; runs in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

PATIENCE_SECONDS = 60.0
"""The time (s) after which an event is repeated if its content is still not announced."""


class LandedTrigger(BaseEventTrigger):
    """Fires an event when there are manifests that were neither taken nor announced yet.

    After a restart of the triggerer, manifests that are still not taken are announced again; the intake takes each
    manifest once.
    """

    def __init__(self, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as the triggerer makes it again."""
        return "cutouts_airflow.watching.LandedTrigger", {"poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the manifests' store, and wait if it is unreachable for a while."""
        announced: frozenset[str] = frozenset()
        while True:
            there = await self._landed(otherwise=announced)
            if there - announced:
                yield TriggerEvent({"manifests": sorted(there - announced)})
            announced = there
            await asyncio.sleep(self.poll_seconds)

    async def _landed(self, *, otherwise: frozenset[str]) -> frozenset[str]:
        """The manifests that have landed and were not taken yet; `otherwise` if the store cannot be reached."""
        from cutouts.core.errors import CutoutsError
        from cutouts.core.text.display import shown
        from cutouts_airflow import tasks

        try:
            # In the triggerer's loop, only a thread of asgiref may ask Airflow for Variables.
            return frozenset(await sync_to_async(tasks.landed, thread_sensitive=False)())
        except (OSError, CutoutsError) as error:
            self.log.warning("cannot look for manifests: %s", shown(error))
            return otherwise


class UntoldTrigger(BaseEventTrigger):
    """Fires an event when something can be announced: a waiting delivery, or a publication that is not announced yet.

    The event starts the DAG `announcements`; no event is fired while it runs. If it could not announce something, the
    event is repeated once a minute.
    """

    def __init__(self, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as the triggerer makes it again."""
        return "cutouts_airflow.watching.UntoldTrigger", {"poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the site's queue and catalogue; either may be unreachable for a while."""
        told: tuple[str, ...] = ()
        told_at = 0.0
        while True:
            untold = await self._untold()
            if untold and (untold != told or time.monotonic() - told_at > PATIENCE_SECONDS):
                told, told_at = untold, time.monotonic()
                yield TriggerEvent({"untold": list(untold)})
            await asyncio.sleep(self.poll_seconds)

    async def _untold(self) -> tuple[str, ...]:
        """The deliveries that can be announced now; empty while the site cannot be reached."""
        from cutouts.core.errors import CutoutsError
        from cutouts.core.text.display import shown
        from cutouts_airflow import announcing

        try:
            return await sync_to_async(announcing.untold, thread_sensitive=False)()
        except (OSError, CutoutsError) as error:
            self.log.warning("cannot look for what to announce: %s", shown(error))
            return ()
