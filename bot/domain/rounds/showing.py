"""Show rounds: pictures are hung without names, voted on for two days, and revealed with their makers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from bot.domain.model import CellRef
from bot.domain.ports import Jobs
from bot.domain.rounds import fame
from bot.domain.rounds.ballots import count
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.fame import Fame
from bot.domain.rounds.round import Ballot, Round, RoundState
from bot.domain.rounds.show_context import ShowContext
from bot.domain.rounds.show_plan import settings_of
from bot.domain.rounds.show_ports import Hall, Makers
from bot.errors import DeliveryError, DeliveryLater, JobNotFound

log = logging.getLogger(__name__)

_UNSHOWN = "it cannot be shown in its channel"


class Showing:
    """`bot.domain.rounds.ports.Play` of `RoundKind.SHOW`."""

    def __init__(
        self,
        context: ShowContext,
        *,
        hall: Hall,
        jobs: Jobs,
        makers: Makers,
    ) -> None:
        self._rounds, self._store, self._entries = context.rounds, context.store, context.entries
        self._shows, self._announcer, self._picker = context.shows, context.announcer, context.picker
        self._hall, self._jobs, self._makers = hall, jobs, makers

    async def advance(self, current: Round, began: datetime) -> None:
        """Pick and hang the pictures, count the votes, reveal the winner."""
        match current.state:
            case RoundState.DRAWING:
                await self._hung(current)
            case RoundState.OPEN:
                if not await self._rounds.put_off_after_absence(current, began):
                    await self._count(current)
            case RoundState.PAUSED:
                await self._fix(current, "it was paused for too long")
            case _:
                await self._finish(current)

    # --- hanging ----------------------------------------------------------------------------------------

    async def _hung(self, current: Round) -> None:
        choices = await self._entries.of(current.id, role=EntryRole.CHOICE)
        if not choices:
            choices = await self._picker.pick(current)
            least = settings_of(current).least
            if len(choices) < least:
                return await self._left_out(current, f"there were too few pictures: {len(choices)} of {least}")
            current = await self._store.change(current, entries=choices, slots=len(choices))
        due_at = self._rounds.now() + current.duration
        try:
            message_id = await self._announcer.post(
                current.model_copy(update={"state": RoundState.OPEN, "due_at": due_at})
            )
        except DeliveryLater:
            raise
        except DeliveryError as error:
            log.warning("show not hung: %s", error, extra={"round": current.id})
            return await self._left_out(current, _UNSHOWN)
        await self._store.change(current, state=RoundState.OPEN, message_id=message_id, due_at=due_at, tries=0)
        await self._shows.note(current.guild_id, "")
        log.info("show hung", extra={"round": current.id})
        return None

    async def _left_out(self, current: Round, why: str) -> None:
        """End the round without a message in the channel; `/weekly setup` tells moderators why."""
        await self._shows.note(current.guild_id, why)
        await self._store.change(current, state=RoundState.ENDED, outcome=why)
        log.info("show does not take place: %s", why, extra={"round": current.id})

    # --- the outcome ------------------------------------------------------------------------------------

    async def _count(self, current: Round) -> None:
        """Void the entries that may not hang any more, and count the votes for the rest."""
        hanging = await self._hanging(current)
        fit = await self._picker.fit(current, [one.picture.job_id for one in hanging if one.picture])
        down = [one for one in hanging if one.picture is None or one.picture.job_id not in fit]
        void = [one.model_copy(update={"state": EntryState.VOID}) for one in down]
        current = await self._store.change(current, entries=void) if void else current
        if len(down) == len(hanging):
            return await self._fix(current, "no picture is left")
        decided = await self._rounds.decide(current)
        if decided.state is RoundState.DECIDED:
            await self._finish(decided)
        return None

    async def _fix(self, current: Round, why: str) -> None:
        await self._finish(
            await self._store.change(current, state=RoundState.DECIDED, winner=None, outcome=why, tries=0)
        )

    async def _finish(self, decided: Round) -> None:
        """Reveal the makers, keep the winner in the hall, link to the outcome on the ballot paper."""
        if decided.state is not RoundState.DECIDED:
            return
        try:
            if decided.winner is not None:
                decided = await self._told(decided)
            if decided.message_id is not None:
                await self._announcer.renew(decided)
        except DeliveryLater:
            raise
        except DeliveryError as error:
            log.warning("outcome not shown: %s", error, extra={"round": decided.id})
        await self._store.change(decided, state=RoundState.ENDED)
        log.info("round ended", extra={"round": decided.id})

    async def _told(self, decided: Round) -> Round:
        settings, ballots = settings_of(decided), await self._rounds.valid(decided)
        if settings.reveal_id is None:
            try:
                reveal_id = await self._announcer.reveal(decided, ballots)
            except JobNotFound:
                return await self._store.change(decided, winner=None, outcome="the picture that won was deleted")
            settings = settings.model_copy(update={"reveal_id": reveal_id})
            decided = await self._store.change(decided, settings=settings.model_dump_json())
        hanging = await self._hanging(decided)
        won = next((one for one in hanging if one.place == decided.winner), None)
        if won is not None and won.picture is not None:
            await self._keep(decided, won.picture, ballots)
        # From now on the two messages go with any of the pictures; before, that would have told who made what.
        shown = {one.picture.job_id for one in hanging if one.picture is not None}
        for message_id in filter(None, (decided.message_id, settings.reveal_id)):
            await self._jobs.extracted(shown, decided.channel_id, message_id)
        return decided

    async def _keep(self, decided: Round, picture: CellRef, ballots: Sequence[Ballot]) -> None:
        try:
            job = await self._jobs.get(picture.job_id)
        except JobNotFound:
            return
        tally, others = count(ballots, decided.slots), await self._makers(job)
        kept = Fame(
            round_id=decided.id, guild_id=decided.guild_id, channel_id=decided.channel_id,
            message_id=settings_of(decided).reveal_id, shown_at=self._rounds.now(), member_id=job.member_id,
            job_id=job.id, key=fame.key_of(decided.id), prompt=job.spec.options.prompt,
            votes=tally.marks[decided.winner or 0], voters=tally.voters, pictures=decided.slots,
            credits=fame.points(job.member_id, others),
        )  # fmt: skip
        await self._hall.keep(kept, picture)

    async def _hanging(self, current: Round) -> list[Entry]:
        choices = await self._entries.of(current.id, role=EntryRole.CHOICE)
        return [one for one in choices if one.state is EntryState.OPEN]
