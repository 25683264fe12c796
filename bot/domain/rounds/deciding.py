"""Decision rounds: votes on the cells of one grid; the winning cell is varied."""

from __future__ import annotations

import logging
from datetime import datetime

from bot.domain.jobs import error_codec
from bot.domain.rounds.ports import Announcer, FollowUp, RoundStore
from bot.domain.rounds.round import Round, RoundState
from bot.domain.rounds.round_service import RoundService
from bot.errors import DeliveryError, DeliveryLater, Paused, Restarting, TooManyJobs, UserError
from engine import EngineError, QueueFull

log = logging.getLogger(__name__)

PASSES = (Paused, Restarting, QueueFull, TooManyJobs)
"""Refusals that pass by themselves."""
_MOST_WAITS = 20


class Deciding:
    """`bot.domain.rounds.ports.Play` of `RoundKind.DECIDE`."""

    def __init__(self, rounds: RoundService, store: RoundStore, *, follow_up: FollowUp, announcer: Announcer) -> None:
        self._rounds, self._store, self._follow_up, self._announcer = rounds, store, follow_up, announcer

    async def advance(self, current: Round, began: datetime) -> None:
        """Count the votes, show the outcome, submit the variations of the winner."""
        if current.state is RoundState.OPEN:
            if await self._rounds.put_off_after_absence(current, began):
                return
            current = await self._rounds.decide(current)
        if current.state is RoundState.PAUSED:
            why = "it was paused for too long"
            current = await self._store.change(current, state=RoundState.DECIDED, winner=None, outcome=why, tries=0)
        if current.state is RoundState.DECIDED:
            await self._finish(current)

    async def _finish(self, decided: Round) -> None:
        """Show the outcome, submit the follow-up job, link to it, end the round.

        Where the outcome cannot be shown, nothing follows: its result could not be shown either.
        """
        try:
            decided = await self._announced(decided)
            if decided.winner is not None and decided.next_job_id is None:
                decided = await self._followed(decided)
                decided = await self._announced(decided)
        except DeliveryLater:
            raise
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
            if isinstance(error, PASSES) and decided.tries < _MOST_WAITS:
                raise DeliveryLater(0.0, str(error)) from error
            return await self._store.change(decided, next_job_id="", refusal=error_codec.pack(error))
        return await self._store.change(decided, next_job_id=job.id)
