"""Consent rounds: an owner is asked in the channel. A yes makes the job that waited; no answer in time drops it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from bot.domain.jobs import error_codec
from bot.domain.model import Ask, Job
from bot.domain.moderation.consents import Consents, Needed, Stance
from bot.domain.ports import Jobs
from bot.domain.rounds.consent_request import YES, asking, outcome, owner_of, request_of
from bot.domain.rounds.deciding import PASSES
from bot.domain.rounds.entry import Entry
from bot.domain.rounds.ports import Announcer, EntryStore, RoundStore
from bot.domain.rounds.round import Round, RoundAct, RoundState
from bot.domain.rounds.round_service import RoundService
from bot.errors import AlreadyAsked, DeliveryError, DeliveryLater, NotYours, UserError
from engine import EngineError

log = logging.getLogger(__name__)

_MOST_WAITS = 20


class Granting(Protocol):
    """Stores an owner's "always"."""

    async def allow(self, owner_id: int, member_id: int, now: datetime) -> None:
        """Let the member make something of all pictures of the owner, from now on. Idempotent."""
        ...


class Asking:
    """`bot.domain.rounds.ports.Play` of `RoundKind.CONSENT`."""

    def __init__(
        self,
        rounds: RoundService,
        store: RoundStore,
        entries: EntryStore,
        announcer: Announcer,
        *,
        consents: Consents,
        grants: Granting,
        jobs: Jobs,
        submit: Callable[[Ask], Awaitable[Job]],
    ) -> None:
        self._rounds, self._store, self._entries, self._announcer = rounds, store, entries, announcer
        self._consents, self._grants, self._jobs, self._submit = consents, grants, jobs, submit

    async def advance(self, current: Round, began: datetime) -> None:
        """Post the question, carry out the answer, or end the round when its time is over."""
        match current.state:
            case RoundState.DRAWING:
                await self._post(current)
            case RoundState.OPEN:
                if not await self._rounds.put_off_after_absence(current, began):
                    await self._finish(await self._store.change(current, state=RoundState.DECIDED))
            case RoundState.DECIDED:
                await self._finish(current)
            case _:  # paused by a moderator for too long: nobody could answer
                await self._finish(await self._store.change(current, state=RoundState.DECIDED))

    async def _post(self, new: Round) -> None:
        if owner_of(await self._entries.of(new.id)) is None:
            return await self._end(new, outcome(None))
        due_at = self._rounds.now() + new.duration
        try:
            asked = new.model_copy(update={"state": RoundState.OPEN, "due_at": due_at})
            message_id = await self._announcer.post(asked)
        except DeliveryLater:
            raise
        except DeliveryError as error:
            log.warning("owner not asked: %s", error, extra={"round": new.id})
            return await self._end(new, "I could not ask")
        await self._store.change(new, state=RoundState.OPEN, message_id=message_id, due_at=due_at)
        return None

    async def _finish(self, decided: Round) -> None:
        asked = owner_of(await self._entries.of(decided.id))
        if asked is not None and asked.text in YES and decided.next_job_id is None:
            decided = await self._followed(decided, asked)
        if asked is None or asked.text not in YES or decided.next_job_id is not None:
            try:
                await self._announcer.ended(decided.model_copy(update={"outcome": outcome(asked)}), (), ())
            except DeliveryLater:
                raise
            except DeliveryError as error:
                log.warning("answer not shown: %s", error, extra={"round": decided.id})
            await self._end(decided, outcome(asked))

    async def _followed(self, decided: Round, asked: Entry) -> Round:
        """Make what waited, or ask the next owner whose yes it needs."""
        request, owner_id = request_of(decided), asked.member_id or 0
        if asked.text == RoundAct.ALWAYS:
            await self._grants.allow(owner_id, request.ask.member.id, self._rounds.now())
        agreed = (*request.agreed, owner_id)
        needed = await self._consents.needed(request.ask.spec, request.ask.member)
        left = [each for each in needed if each.owner_id not in agreed]
        if left and left[0].stance is Stance.ASK:
            return await self._passed_on(decided, left[0], agreed)
        try:
            if left:
                raise NotYours(left[0].owner_id)
            job = await self._once(decided, request.ask)
        except (UserError, EngineError) as error:
            if isinstance(error, PASSES) and decided.tries < _MOST_WAITS:
                raise DeliveryLater(0.0, str(error)) from error
            return await self._store.change(decided, next_job_id="", refusal=error_codec.pack(error))
        return await self._store.change(decided, next_job_id=job.id)

    async def _passed_on(self, decided: Round, needed: Needed, agreed: tuple[int, ...]) -> Round:
        request = request_of(decided).model_copy(update={"agreed": agreed})
        following, entry = asking(request, needed, self._rounds.now(), f"{decided.id} {needed.owner_id}")
        refusal = error_codec.pack(NotYours(needed.owner_id))
        return await self._store.change(decided, following=following, entries=[entry], next_job_id="", refusal=refusal)

    async def _once(self, decided: Round, ask: Ask) -> Job:
        """The question's message makes the ask unique."""
        try:
            return await self._submit(ask.model_copy(update={"interaction_id": decided.message_id or 0, "index": 0}))
        except AlreadyAsked as error:
            return await self._jobs.get(error.job_id)

    async def _end(self, current: Round, why: str) -> None:
        """What was asked for is not kept any longer than it waits."""
        await self._store.change(current, state=RoundState.ENDED, outcome=why, settings="")
        log.info("question ended", extra={"round": current.id})
