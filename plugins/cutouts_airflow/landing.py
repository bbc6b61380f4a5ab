"""Notices that a manifest landed; runs in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async


class LandedTrigger(BaseEventTrigger):
    """One event whenever a manifest lies there that was neither taken nor announced yet.

    After a restart of the triggerer what is still not taken is announced again; the intake takes each manifest once.
    """

    def __init__(self, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as the triggerer makes it again."""
        return "cutouts_airflow.landing.LandedTrigger", {"poll_seconds": self.poll_seconds}

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
        from cutouts_airflow import tasks
        from pipeline.core.display import shown
        from pipeline.core.errors import CutoutsError

        try:
            # Only a thread of asgiref's own may ask Airflow for Variables from inside the triggerer's loop.
            return frozenset(await sync_to_async(tasks.landed, thread_sensitive=False)())
        except (OSError, CutoutsError) as error:
            self.log.warning("cannot look for manifests: %s", shown(error))
            return otherwise
