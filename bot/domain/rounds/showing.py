"""A show: its pictures are picked and hung without names, voted on for two days, and told with their makers."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import datetime

from bot.domain.model import CellRef
from bot.domain.moderation.publicity import Line
from bot.domain.ports import Jobs
from bot.domain.rounds import fame, show_pick
from bot.domain.rounds.ballots import count
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.fame import Fame
from bot.domain.rounds.ports import EntryStore, RoundStore
from bot.domain.rounds.round import Ballot, Round, RoundState
from bot.domain.rounds.round_service import RoundService
from bot.domain.rounds.show_pick import WINDOW, Candidate
from bot.domain.rounds.show_plan import settings_of
from bot.domain.rounds.show_ports import Candidates, Hall, Lines, Makers, ShowAnnouncer, ShowStore
from bot.domain.rounds.show_rules import may_hang
from bot.errors import DeliveryError, DeliveryLater, JobNotFound

log = logging.getLogger(__name__)

_BATCH = 100
_UNSHOWN = "it cannot be shown in its channel"


class Showing:
    """`bot.domain.rounds.ports.Play` of `RoundKind.SHOW`."""

    def __init__(
        self,
        rounds: RoundService,
        store: RoundStore,
        entries: EntryStore,
        shows: ShowStore,
        announcer: ShowAnnouncer,
        *,
        candidates: Candidates,
        lines: Lines,
        hall: Hall,
        jobs: Jobs,
        makers: Makers,
    ) -> None:
        self._rounds, self._store, self._entries, self._shows = rounds, store, entries, shows
        self._announcer, self._candidates, self._lines, self._hall = announcer, candidates, lines, hall
        self._jobs, self._makers = jobs, makers

    async def advance(self, current: Round, began: datetime) -> None:
        """Pick and hang, count, tell."""
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
            choices = await self._picked(current)
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
        """Nothing is said in the channel; moderators are told when they ask."""
        await self._shows.note(current.guild_id, why)
        await self._store.change(current, state=RoundState.ENDED, outcome=why)
        log.info("no show: %s", why, extra={"round": current.id})

    async def _picked(self, current: Round) -> list[Entry]:
        now, dice = self._rounds.now(), random.Random(f"cells {current.seed}")  # noqa: S311 - no secret
        found = await self._candidates.found(current.guild_id, now - WINDOW)
        lines = await self._fit(current, [one.picture.job_id for one in found])
        fit = list[Candidate]()
        for one in found:
            if (line := lines.get(one.picture.job_id)) is None:
                continue
            job, cells = line.exhibits[0].job, line.exhibits[0].cells
            picture = one.picture if one.stars else CellRef(job_id=job.id, cell=dice.choice(cells).cell)
            if picture.cell in {cell.cell for cell in cells}:
                fit.append(
                    Candidate(
                        picture=picture, member_id=job.member_id, stars=one.stars, created_at=job.created_at,
                        family=line.exhibits[-1].job.id,
                    )
                )  # fmt: skip
        members = {one.member_id for one in fit}
        new = await self._candidates.newcomers(current.guild_id, members, now - WINDOW)
        return [
            Entry(
                round_id=current.id, role=EntryRole.CHOICE, place=place, member_id=one.member_id, picture=one.picture,
                is_secret=True, entered_at=now,
            )
            for place, one in enumerate(show_pick.pick(fit, new, current.seed, now))
        ]  # fmt: skip

    async def _fit(self, current: Round, job_ids: Sequence[str]) -> dict[str, Line]:
        """The lines of those that may hang."""
        fit, now, ids = dict[str, Line](), self._rounds.now(), list(dict.fromkeys(job_ids))
        for start in range(0, len(ids), _BATCH):
            lines = await self._lines.lines(ids[start : start + _BATCH])
            here = current.guild_id, current.channel_id, now
            fit |= {job_id: line for job_id, line in lines.items() if may_hang(line, *here)}
        return fit

    # --- the outcome ------------------------------------------------------------------------------------

    async def _count(self, current: Round) -> None:
        """Take down what may not hang any more, and count the rest."""
        hanging = await self._hanging(current)
        fit = await self._fit(current, [one.picture.job_id for one in hanging if one.picture])
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
        """Tell who made what, keep the winner, say on the ballot paper where it stands."""
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
