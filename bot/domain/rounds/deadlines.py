"""What time brings to rounds: deadlines are rows, and one task counts and follows up what is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.jobs import error_codec
from bot.domain.ports import Clock
from bot.domain.rounds.ports import Announcer, FollowUp, RoundStore
from bot.domain.rounds.round import Round, RoundState
from bot.domain.rounds.round_service import RoundService
from bot.errors import (
    DeliveryError,
    DeliveryLater,
    Fenced,
    JobNotFound,
    Paused,
    Restarting,
    RoundNotFound,
    StoreError,
    TooManyJobs,
    UserError,
)
from engine import EngineError, QueueFull

log = logging.getLogger(__name__)

LEAST_EXTENSION = timedelta(seconds=30)
POLL_S, IDLE_S = 1.0, 30.0
_RETRY_S = (2.0, 10.0, 60.0, 300.0)
_MOST_TRIES, _MOST_WAITS = 100, 20
_PASSES = (Paused, Restarting, QueueFull, TooManyJobs)
"""Refusals that pass by themselves."""


class Deadlines:
    """One task for all rounds. A kill between any two of its steps is harmless: each step again changes nothing."""

    def __init__(
        self,
        rounds: RoundService,
        store: RoundStore,
        *,
        follow_up: FollowUp,
        announcer: Announcer,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rounds, self._store, self._follow_up, self._announcer = rounds, store, follow_up, announcer
        self._clock, self._sleep = clock, sleep

    async def run(self) -> None:
        """Count and follow up until cancelled. Deadlines that passed while nobody looked are put off once."""
        began = self._clock()
        while True:
            # Gathered, an error is a value: a database that fails for a while must not end all rounds.
            [error] = await asyncio.gather(self.turn(began), return_exceptions=True)
            if isinstance(error, Exception):
                log.error("rounds cannot be read", exc_info=error)
            await self._sleep(IDLE_S if isinstance(error, Exception) else POLL_S)

    async def turn(self, began: datetime) -> None:
        """Do what is due. `began`: when this process did. Raises `StoreError`."""
        await self._rounds.hurry()
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
            if current.state is RoundState.DECIDED:
                await self._finish(current)
            elif current.due_at < began and not current.is_extended:
                away = min(max(began - current.due_at, LEAST_EXTENSION), current.duration)
                await self._rounds.extend(current, away, "I was away.")
            elif (decided := await self._rounds.decide(current)).state is RoundState.DECIDED:
                await self._finish(decided)
        except Fenced:
            log.info("round changed meanwhile", extra={"round": current.id})
        except (RoundNotFound, JobNotFound):
            log.info("the pictures of a round are gone", extra={"round": current.id})

    async def _finish(self, decided: Round) -> None:
        """Show the outcome, make what follows, show that, end the round.

        Where the outcome cannot be shown, nothing follows: its result could not be shown either.
        """
        try:
            decided = await self._announced(decided)
            if decided.winner is not None and decided.next_job_id is None:
                decided = await self._followed(decided)
                decided = await self._announced(decided)
        except DeliveryLater as error:
            await self._put_off(decided, error.retry_after_s)
            return
        except DeliveryError as error:
            log.warning("outcome not shown: %s", error, extra={"round": decided.id})
        await self._store.change(decided, state=RoundState.ENDED)
        log.info("round ended", extra={"round": decided.id})

    async def _announced(self, decided: Round) -> Round:
        chain = await self._store.before(decided.job_id, limit=8)
        at = await self._announcer.ended(decided, await self._store.ballots(decided.id), chain)
        return decided if at == decided.message_id else await self._store.change(decided, message_id=at)

    async def _followed(self, decided: Round) -> Round:
        try:
            job = await self._follow_up(decided)
        except (UserError, EngineError) as error:
            if isinstance(error, _PASSES) and decided.tries < _MOST_WAITS:
                raise DeliveryLater(0.0, str(error)) from error
            return await self._store.change(decided, next_job_id="", refusal=error_codec.pack(error))
        return await self._store.change(decided, next_job_id=job.id)

    async def _put_off(self, current: Round, least_s: float = 0.0) -> None:
        try:
            current = await self._store.get(current.id)
            if current.tries >= _MOST_TRIES:
                await self._store.change(current, state=RoundState.ENDED)
                return
            pause_s = max(least_s, _RETRY_S[min(current.tries, len(_RETRY_S) - 1)])
            later = self._clock() + timedelta(seconds=pause_s)
            await self._store.change(current, due_at=later, tries=current.tries + 1)
        except (Fenced, RoundNotFound):
            log.info("round changed meanwhile", extra={"round": current.id})
