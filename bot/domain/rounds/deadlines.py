"""Deadlines of rounds: one task hands each round that is due to its kind of play. Deadlines are rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from bot.domain.ports import Clock
from bot.domain.rounds.ports import Play, RoundStore
from bot.domain.rounds.round import Round, RoundKind, RoundState, last_settings
from bot.errors import DeliveryLater, Fenced, JobNotFound, RoundNotFound, StoreError, unexplained

log = logging.getLogger(__name__)

POLL_S, IDLE_S = 1.0, 30.0
_RETRY_S = (2.0, 10.0, 60.0, 300.0)
_MOST_TRIES = 100


class Deadlines:
    """The task that moves all rounds on when their time comes."""

    def __init__(
        self,
        store: RoundStore,
        plays: Mapping[RoundKind, Play],
        *,
        clock: Clock,
        hurry: Callable[[], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`hurry`: what brings deadlines near before each look at them; raises `StoreError`."""
        self._store, self._plays, self._clock, self._sleep = store, plays, clock, sleep
        self._hurry = hurry

    async def run(self) -> None:
        """Move rounds on until cancelled. Deadlines that passed while nobody looked are put off once."""
        began = self._clock()
        while True:
            # Gathered, an error is a value: a database that fails for a while must not end all rounds.
            [error] = await asyncio.gather(self.turn(began), return_exceptions=True)
            if isinstance(error, Exception):
                log.error("rounds cannot be read: %s", error, exc_info=unexplained(error))
            await self._sleep(IDLE_S if isinstance(error, Exception) else POLL_S)

    async def turn(self, began: datetime) -> None:
        """Do what is due. `began`: when this process did. Raises `StoreError`."""
        if self._hurry is not None:
            await self._hurry()
        due = await self._store.due(self._clock())
        errors = await asyncio.gather(*(self._advance(each, began) for each in due), return_exceptions=True)
        for each, error in zip(due, errors, strict=True):
            if isinstance(error, StoreError):
                raise error
            if isinstance(error, Exception):
                log.error("round failed", extra={"round": each.id}, exc_info=error)
                await self._put_off(each)

    async def _advance(self, current: Round, began: datetime) -> None:
        try:
            await self._plays[current.kind].advance(current, began)
        except Fenced:
            log.info("round changed meanwhile", extra={"round": current.id})
        except (RoundNotFound, JobNotFound):
            log.info("the pictures of a round are gone", extra={"round": current.id})
        except DeliveryLater as error:
            await self._put_off(current, error.retry_after_s)

    async def _put_off(self, current: Round, least_s: float = 0.0) -> None:
        try:
            current = await self._store.get(current.id)
            if current.tries >= _MOST_TRIES:
                await self._store.change(current, state=RoundState.ENDED, settings=last_settings(current))
                return
            pause_s = max(least_s, _RETRY_S[min(current.tries, len(_RETRY_S) - 1)])
            later = self._clock() + timedelta(seconds=pause_s)
            await self._store.change(current, due_at=later, tries=current.tries + 1)
        except (Fenced, RoundNotFound):
            log.info("round changed meanwhile", extra={"round": current.id})
