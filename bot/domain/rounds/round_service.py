"""The round service: opens rounds, takes ballots, and ends each round exactly once, whoever or whatever ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.jobs import error_codec
from bot.domain.model import Member
from bot.domain.ports import Clock
from bot.domain.rounds.ballots import count, is_settled, quorum, winner
from bot.domain.rounds.ports import Announcer, FollowUp, Presence, RoundStore
from bot.domain.rounds.round import Ballot, Round, RoundState
from bot.errors import (
    DeliveryError,
    DeliveryLater,
    Fenced,
    NotPermitted,
    Paused,
    RoundOver,
    StoreError,
    TooManyJobs,
    UserError,
)
from engine import EngineError, QueueFull

log = logging.getLogger(__name__)

PRESENT_FOR = timedelta(minutes=30)
"""Who asked for a picture this recently is expected to vote."""
LEAST_EXTENSION = timedelta(seconds=30)
IDLE_S = 30.0
_RETRY_S = (2.0, 10.0, 60.0, 300.0)
_MOST_TRIES = 100
_PASSES = (Paused, QueueFull, TooManyJobs)
"""Refusals that pass by themselves."""
_MOST_WAITS = 20


class BannedIn(Protocol):
    """Whose ballots do not count."""

    async def __call__(self, guild_id: int, now: datetime) -> Collection[int]:
        """Members who are banned in this server now."""
        ...


class RoundService:
    """One task counts and follows up what is due; presses only store ballots, or make a round due at once."""

    def __init__(
        self,
        store: RoundStore,
        *,
        present: Presence,
        banned: BannedIn,
        follow_up: FollowUp,
        announcer: Announcer,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._present, self._banned = store, present, banned
        self._follow_up, self._announcer = follow_up, announcer
        self._clock, self._sleep = clock, sleep
        self._wake = asyncio.Event()

    async def open(self, new: Round) -> Round:
        """Begin a round, or find the one that this job has already."""
        opened = await self._store.open(new)
        self._wake.set()
        return opened

    async def posted(self, opened: Round, message_id: int) -> Round:
        """The ballot paper is out."""
        while True:
            try:
                return await self._store.change(await self._store.get(opened.id), message_id=message_id)
            except Fenced:
                continue  # somebody voted or closed at the same moment: try on what is there now

    async def vote(self, round_id: str, member_id: int, slot: int) -> Ballot:
        """Set or take away a mark. Raises `RoundOver` and `RoundNotFound`."""
        now = self._clock()
        ballot = await self._store.toggle(round_id, member_id, slot, now)
        current = await self._store.get(round_id)
        if ballot is None:
            raise RoundOver(current.guild_id, current.channel_id, current.message_id)
        ballots = await self._store.ballots(round_id)
        self._announcer.changed(current, count(ballots, current.slots).voters)
        if await self._is_settled(current, ballots, now):
            await self._hurry(current)
        return ballot

    async def close(self, round_id: str, by: Member) -> Round:
        """Count now. Only the host and moderators may; raises `NotPermitted`, `RoundOver` and `RoundNotFound`."""
        while True:
            current = await self._store.get(round_id)
            if by.id != current.host.id and not (by.is_moderator and by.guild_id == current.guild_id):
                raise NotPermitted("host or moderator")
            if current.state is not RoundState.OPEN:
                raise RoundOver(current.guild_id, current.channel_id, current.message_id)
            try:
                return await self._decide(current, is_asked=True)
            except Fenced:
                continue  # a ballot came in between: count again

    async def run(self) -> None:
        """Count and follow up until cancelled. Deadlines that passed while nobody looked are put off once."""
        began = self._clock()
        while True:
            # Gathered, an error is a value: a database that fails for a while must not end all rounds.
            [error] = await asyncio.gather(self._turn(began), return_exceptions=True)
            if isinstance(error, Exception):
                log.error("rounds cannot be read", exc_info=error)
                await self._sleep(IDLE_S)

    async def _turn(self, began: datetime) -> None:
        self._wake.clear()
        for each in await self._store.due(self._clock()):
            [error] = await asyncio.gather(self._advance(each, began), return_exceptions=True)
            if isinstance(error, StoreError):
                raise error
            if isinstance(error, Exception):
                log.error("round failed", extra={"round": each.id}, exc_info=error)
                await self._put_off(each)
        next_at = await self._store.next_at()
        pause_s = IDLE_S if next_at is None else (next_at - self._clock()).total_seconds()
        await _first_of(self._wake.wait(), self._sleep(min(IDLE_S, max(0.0, pause_s))))

    async def _advance(self, current: Round, began: datetime) -> None:
        try:
            if current.state is RoundState.DECIDED:
                await self._finish(current)
            elif current.due_at < began and not current.is_extended:
                away = min(max(began - current.due_at, LEAST_EXTENSION), current.duration)
                await self._extend(current, self._clock() + away, "I was away.")
            else:
                await self._decide(current)
        except Fenced:
            log.info("round changed meanwhile", extra={"round": current.id})

    async def _decide(self, current: Round, *, is_asked: bool = False) -> Round:
        """Fix the outcome. Without a quorum there is one extension, and then the host's own ballot decides."""
        now = self._clock()
        ballots = await self._store.ballots(current.id)
        tally = count(ballots, current.slots, without=await self._banned(current.guild_id, now))
        present = await self._present(current.guild_id, current.channel_id, now - PRESENT_FOR)
        is_enough = tally.voters >= quorum(len(present))
        if not is_enough and not is_asked and not current.is_extended:
            return await self._extend(current, now + current.duration, "Too few have voted.")
        chosen, why = winner(tally, current.seed), f"{tally.voters} voted"
        if not is_enough and chosen is not None:
            own = count([ballot for ballot in ballots if ballot.member_id == current.host.id], current.slots)
            hosts = winner(own, current.seed)
            chosen, why = (hosts, "too few voted: the host chose") if hosts is not None else (chosen, why)
        decided = await self._store.change(
            current, state=RoundState.DECIDED, winner=chosen, outcome=why if chosen is not None else "nobody voted",
            due_at=now, tries=0,
        )  # fmt: skip
        log.info("round decided", extra={"round": current.id})
        self._wake.set()
        return decided

    async def _extend(self, current: Round, until: datetime, why: str) -> Round:
        extended = await self._store.change(current, due_at=until, is_extended=True)
        try:
            await self._announcer.extended(extended, why)
        except DeliveryError as error:
            log.warning("extension not shown: %s", error, extra={"round": current.id})
        return extended

    async def _finish(self, decided: Round) -> None:
        """Make what follows, show the outcome, end the round. Each step again is harmless."""
        try:
            if decided.winner is not None and decided.next_job_id is None:
                decided = await self._followed(decided)
            await self._announcer.ended(
                decided, await self._store.ballots(decided.id), await self._store.before(decided.job_id, limit=8)
            )
        except DeliveryLater as error:
            await self._put_off(decided, error.retry_after_s)
            return
        except DeliveryError as error:
            log.warning("outcome not shown: %s", error, extra={"round": decided.id})
        await self._store.change(decided, state=RoundState.ENDED)

    async def _followed(self, decided: Round) -> Round:
        try:
            job = await self._follow_up(decided)
        except _PASSES as error:
            if decided.tries < _MOST_WAITS:
                raise DeliveryLater(_RETRY_S[1], str(error)) from error
            return await self._store.change(decided, next_job_id="", refusal=error_codec.pack(error))
        except (UserError, EngineError) as error:
            return await self._store.change(decided, next_job_id="", refusal=error_codec.pack(error))
        return await self._store.change(decided, next_job_id=job.id)

    async def _put_off(self, current: Round, least_s: float = 0.0) -> None:
        pause_s = max(least_s, _RETRY_S[min(current.tries, len(_RETRY_S) - 1)])
        values = {"due_at": self._clock() + timedelta(seconds=pause_s), "tries": current.tries + 1}
        try:
            if current.tries >= _MOST_TRIES:
                values = {"state": RoundState.ENDED}
            await self._store.change(await self._store.get(current.id), **values)
        except Fenced:
            log.info("round changed meanwhile", extra={"round": current.id})

    async def _is_settled(self, current: Round, ballots: list[Ballot], now: datetime) -> bool:
        present = await self._present(current.guild_id, current.channel_id, now - PRESENT_FOR)
        tally = count(ballots, current.slots, without=await self._banned(current.guild_id, now))
        voted = {ballot.member_id for ballot in ballots if ballot.picks}
        return is_settled(tally, present, voted)

    async def _hurry(self, current: Round) -> None:
        """Let the one task count now rather than at the deadline."""
        try:
            await self._store.change(current, due_at=self._clock(), is_extended=True)
        except Fenced:
            return
        self._wake.set()


async def _first_of(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
