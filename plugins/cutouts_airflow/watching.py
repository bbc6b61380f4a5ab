"""Watches for changes outside Airflow and for work that was interrupted inside it; runs in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""The time (s) after which an event is repeated if its content is still not announced."""


class _SiteTrigger(BaseEventTrigger):
    """Asks the site again and again; the site may be unreachable for a while."""

    def __init__(self, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as the triggerer makes it again."""
        return f"{__name__}.{type(self).__name__}", {"poll_seconds": self.poll_seconds}

    async def _answer(self, question: Callable[[], T], *, otherwise: T) -> T:
        """What the site answers; `otherwise` if it cannot be reached."""
        from cutouts.core.errors import CutoutsError
        from cutouts.core.text.display import shown

        try:
            # In the triggerer's loop, only a thread of asgiref may ask Airflow for Variables.
            return await sync_to_async(question, thread_sensitive=False)()
        except (OSError, CutoutsError) as error:
            self.log.warning("cannot look at the site: %s", shown(error))
            return otherwise


class LandedTrigger(_SiteTrigger):
    """Fires an event when there are manifests that were neither taken nor announced yet.

    After a restart of the triggerer, manifests that are still not taken are announced again; the intake takes each
    manifest once.
    """

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the manifests' store."""
        from cutouts_airflow import tasks

        announced: list[str] = []
        while True:
            there = await self._answer(tasks.landed, otherwise=announced)
            if new := sorted({*there} - {*announced}):
                yield TriggerEvent({"manifests": new})
            announced = there
            await asyncio.sleep(self.poll_seconds)


class UntoldTrigger(_SiteTrigger):
    """Fires an event when something can be announced: a waiting delivery, or a publication that is not announced yet.

    The event starts the DAG `announcements`; no event is fired while it runs. If it could not announce something, the
    event is repeated once a minute.
    """

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the site's queue and catalogue."""
        from cutouts_airflow import announcing

        told: tuple[str, ...] = ()
        told_at = 0.0
        while True:
            untold = await self._answer(announcing.untold, otherwise=tuple[str, ...]())
            if untold and (untold != told or time.monotonic() - told_at > PATIENCE_SECONDS):
                told, told_at = untold, time.monotonic()
                yield TriggerEvent({"untold": list(untold)})
            await asyncio.sleep(self.poll_seconds)
