"""Notices what happened outside of Airflow, or was cut off inside of it; runs in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

PATIENCE_SECONDS = 60.0
"""After which what is still not announced is told of again."""


class LandedTrigger(BaseEventTrigger):
    """One event whenever a manifest lies there that was neither taken nor announced yet.

    After a restart of the triggerer what is still not taken is announced again; the intake takes each manifest once.
    """

    def __init__(self, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as the triggerer makes it again."""
        return "cutouts_airflow.watching.LandedTrigger", {"poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the manifests' store; a store that is away for a while is waited for."""
        announced: frozenset[str] = frozenset()
        while True:
            there = await self._landed(otherwise=announced)
            if there - announced:
                yield TriggerEvent({"manifests": sorted(there - announced)})
            announced = there
            await asyncio.sleep(self.poll_seconds)

    async def _landed(self, *, otherwise: frozenset[str]) -> frozenset[str]:
        """What lies there now; `otherwise` where the store cannot be asked."""
        from cutouts.core.errors import CutoutsError
        from cutouts.core.text.display import shown
        from cutouts_airflow import tasks

        try:
            # Only a thread of asgiref's own may ask Airflow for Variables from inside the triggerer's loop.
            return frozenset(await sync_to_async(tasks.landed, thread_sensitive=False)())
        except (OSError, CutoutsError) as error:
            self.log.warning("cannot look for manifests: %s", shown(error))
            return otherwise


class UntoldTrigger(BaseEventTrigger):
    """One event whenever something can be announced: a delivery that waits, a publication that nobody was told of.

    The DAG `announcements` follows; while it runs nothing is said. What it could not announce is told of once a minute.
    """

    def __init__(self, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as the triggerer makes it again."""
        return "cutouts_airflow.watching.UntoldTrigger", {"poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the site's queue and catalogue; either may be away for a while."""
        told: tuple[str, ...] = ()
        told_at = 0.0
        while True:
            untold = await self._untold()
            if untold and (untold != told or time.monotonic() - told_at > PATIENCE_SECONDS):
                told, told_at = untold, time.monotonic()
                yield TriggerEvent({"untold": list(untold)})
            await asyncio.sleep(self.poll_seconds)

    async def _untold(self) -> tuple[str, ...]:
        """What can be announced now; nothing while the site cannot be asked."""
        from cutouts.core.errors import CutoutsError
        from cutouts.core.text.display import shown
        from cutouts_airflow import announcing

        try:
            return await sync_to_async(announcing.untold, thread_sensitive=False)()
        except (OSError, CutoutsError) as error:
            self.log.warning("cannot look for what to announce: %s", shown(error))
            return ()
