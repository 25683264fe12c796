"""Evolve rounds: drawn, voted on and counted until the group is content; the last winner is upscaled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.jobs import error_codec
from bot.domain.rounds import evolution, wild_cards
from bot.domain.rounds.drawing import Studio
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.ports import Announcer, EntryStore, RoundStore
from bot.domain.rounds.round import Round, RoundState
from bot.domain.rounds.round_service import RoundService
from bot.errors import DeliveryError, DeliveryLater, Fenced, JobNotFound, QuotaExceeded, UserError
from engine import EngineError

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(days=1)
"""So long a round waits for a quota, a queue or a moderator's look at its pictures."""
_LOOK_AGAIN = timedelta(minutes=1)
LEAST = 2
"""Between fewer pictures there is nothing to decide."""


class Evolving:
    """`bot.domain.rounds.ports.Play` of `RoundKind.EVOLVE`."""

    def __init__(
        self, rounds: RoundService, store: RoundStore, entries: EntryStore, studio: Studio, announcer: Announcer
    ) -> None:
        self._rounds, self._store, self._entries, self._studio = rounds, store, entries, studio
        self._announcer = announcer

    async def advance(self, current: Round, began: datetime) -> None:
        """Draw, open the vote, count, show the outcome, and begin the next round or end the game."""
        match current.state:
            case RoundState.PLANNED:
                await self._store.change(current, state=RoundState.ENDED, outcome="nobody agreed to it")
            case RoundState.DRAWING:
                await self._drawn_and_shown(current)
            case RoundState.PAUSED:
                await self._stop(current, "it was paused for too long")
            case RoundState.OPEN:
                if not await self._rounds.put_off_after_absence(current, began):
                    await self._conclude(await self._rounds.decide(current))
            case _:
                await self._conclude(current)

    async def _conclude(self, decided: Round) -> None:
        if decided.state is RoundState.DECIDED:
            await self._finish(decided)

    # --- drawing ----------------------------------------------------------------------------------------

    async def _drawn_and_shown(self, current: Round) -> None:
        try:
            await self._draw(current)
        except DeliveryLater:
            raise
        except DeliveryError as error:
            log.warning("round not shown: %s", error, extra={"round": current.id})
            await self._stop(await self._store.get(current.id), "it cannot be shown in its channel")

    async def _draw(self, current: Round) -> None:
        if current.message_id is None:
            # Before anything is drawn: where nothing can be shown, nothing is charged.
            current = await self._store.change(current, message_id=await self._announcer.post(current))
        choices = await self._entries.of(current.id, role=EntryRole.CHOICE)
        if any(entry.picture is None and entry.state is EntryState.OPEN for entry in choices):
            current, choices = await self._asked(current, choices)
        if choices:
            jobs = await self._studio.jobs(choices)
            is_drawn = all(job is None or job.state.is_final for job in jobs.values())
            if not is_drawn and self._rounds.now() < current.created_at + LONGEST_WAIT:
                return
            await self._put_to_the_vote(current, choices)

    async def _asked(self, current: Round, choices: Sequence[Entry]) -> tuple[Round, Sequence[Entry]]:
        """Submit the jobs of the pictures; () while the job service cannot take them."""
        try:
            drawn = await self._studio.ask(current, choices)
        except (UserError, EngineError) as error:
            is_passing = isinstance(error, (*self._studio.PASSES, QuotaExceeded))
            if is_passing and self._rounds.now() < current.created_at + LONGEST_WAIT:
                await self._wait(current, error)
            else:
                await self._refuse(current, error)
            return current, ()
        try:
            return await self._store.change(current, entries=drawn, refusal=""), drawn
        except Fenced:
            await self._studio.drop_if_over(await self._store.get(current.id), drawn)
            raise

    async def _wait(self, current: Round, error: Exception) -> None:
        now, packed = self._rounds.now(), error_codec.pack(error)
        later = min(error.resets_at, now + _LOOK_AGAIN) if isinstance(error, QuotaExceeded) else now + _LOOK_AGAIN
        await self._store.change(current, due_at=max(later, now + timedelta(seconds=5)), refusal=packed)
        if packed != current.refusal:
            self._announcer.changed(current.id, self._rounds.read)

    async def _refuse(self, current: Round, error: Exception) -> None:
        await self._stop(current, "the pictures were refused", refusal=error_codec.pack(error))

    async def _stop(self, current: Round, why: str, refusal: str = "") -> None:
        stopped = await self._store.change(
            current, state=RoundState.DECIDED, winner=None, outcome=why, refusal=refusal, tries=0
        )
        await self._conclude(stopped)

    async def _put_to_the_vote(self, current: Round, choices: Sequence[Entry]) -> None:
        there = await self._studio.seen(choices)
        void = [entry.model_copy(update={"state": EntryState.VOID}) for entry in choices if entry not in there]
        if len(there) < LEAST:
            await self._stop(current, "too few of the pictures could be drawn")
            return
        if void:
            current = await self._store.change(current, entries=void)
        now = self._rounds.now()
        opened = current.model_copy(update={"state": RoundState.OPEN, "due_at": now + current.duration})
        await self._studio.noted(opened, there)
        # Shown first: after a kill between the two it is shown again, and nobody waits before a vote that is not there.
        await self._announcer.renew(opened)
        await self._store.change(current, state=RoundState.OPEN, due_at=opened.due_at, tries=0, refusal="", outcome="")

    # --- the outcome ------------------------------------------------------------------------------------

    async def _finish(self, decided: Round) -> None:
        """Show the outcome, make what follows, show that. Where the outcome cannot be shown, nothing follows."""
        choices = await self._entries.of(decided.id, role=EntryRole.CHOICE)
        try:
            if decided.next_job_id is None:
                await self._announced(decided)
                if not evolution.ending(decided):
                    await self._go_on(decided, choices)
                    return
                if decided.winner is not None:
                    decided = await self._upscaled(decided, choices)
            if decided.next_job_id is not None:
                if not await self._is_upscaled(decided):
                    return
                await self._announced(decided)
        except DeliveryLater:
            raise
        except (DeliveryError, JobNotFound) as error:
            log.warning("outcome not shown: %s", error, extra={"round": decided.id})
        if decided.winner is None:
            await self._studio.cancel(decided, choices)
        await self._store.change(decided, state=RoundState.ENDED)
        log.info("round ended", extra={"round": decided.id})

    async def _announced(self, decided: Round) -> None:
        game = await self._store.game(decided.game_id)
        chain = [each for each in game if each.number < decided.number]
        await self._announcer.ended(decided, await self._store.ballots(decided.id), chain)

    async def _go_on(self, decided: Round, choices: Sequence[Entry]) -> None:
        game = await self._store.game(decided.game_id)
        lines = await self._entries.of(*(each.id for each in game), role=EntryRole.WILD)
        voted = [(each, await self._store.ballots(each.id)) for each in game]
        chosen = wild_cards.next_lines(evolution.most_lines(decided), lines, await self._rounds.banned(decided), voted)
        new, entries = evolution.following(decided, choices, chosen, self._rounds.now())
        await self._store.change(decided, state=RoundState.ENDED, following=new, entries=entries)

    async def _is_upscaled(self, decided: Round) -> bool:
        """Whether there is nothing to wait for: the outcome links to the upscaled picture."""
        is_late = self._rounds.now() >= decided.created_at + LONGEST_WAIT
        return is_late or await self._studio.is_over(decided.next_job_id or "")

    async def _upscaled(self, decided: Round, choices: Sequence[Entry]) -> Round:
        try:
            job = await self._studio.upscale(decided, choices)
        except (UserError, EngineError) as error:
            if isinstance(error, self._studio.PASSES) and self._rounds.now() < decided.created_at + LONGEST_WAIT:
                raise DeliveryLater(0.0, str(error)) from error
            return await self._store.change(decided, next_job_id="", refusal=error_codec.pack(error))
        return await self._store.change(decided, next_job_id=job.id)
