"""The electorate of a round: who is expected to vote, and whose ballots count."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.domain.moderation.access import BannedIn
from bot.domain.ports import Clock
from bot.domain.rounds.ballots import Tally, count, is_settled, quorum, without_own, without_slots
from bot.domain.rounds.entry import EntryRole, EntryState
from bot.domain.rounds.ports import EntryStore, Presence, RoundStore
from bot.domain.rounds.round import Ballot, Round, RoundKind

PRESENT_FOR = timedelta(minutes=30)
"""Who asked for a picture this recently is expected to vote."""


class Electorate:
    """Reads ballots without those of members who are banned by now, and without marks at what was taken out."""

    def __init__(
        self, store: RoundStore, entries: EntryStore, present: Presence, banned: BannedIn, clock: Clock
    ) -> None:
        self._store, self._entries, self._present, self._banned = store, entries, present, banned
        self._clock = clock

    def now(self) -> datetime:
        """The time."""
        return self._clock()

    async def banned(self, current: Round) -> Collection[int]:
        """The ids of members whose ballots are void: those who are banned."""
        return await self._banned(current.guild_id, self._clock())

    async def counted(self, current: Round) -> tuple[Tally, list[Ballot]]:
        """What the ballots of those who may vote say, and these ballots."""
        banned, ballots = await self.banned(current), await self._store.ballots(current.id)
        theirs = [ballot for ballot in ballots if ballot.member_id not in banned]
        if not current.job_id:
            choices = await self._entries.of(current.id, role=EntryRole.CHOICE)
            theirs = without_slots(theirs, {each.place for each in choices if each.state is EntryState.VOID})
            if current.kind is RoundKind.SHOW:
                theirs = without_own(theirs, choices)
        return count(theirs, current.slots), theirs

    async def is_enough(self, current: Round, tally: Tally) -> bool:
        """Whether the quorum is reached; of a show, which hangs for days and has no electorate, the least one."""
        if current.kind is RoundKind.SHOW:
            return tally.voters >= quorum(0)
        return tally.voters >= quorum(len(await self._expected(current)))

    async def is_settled(self, current: Round) -> bool:
        """Whether further votes could change nothing. A show always takes votes for its whole time."""
        if current.kind is RoundKind.SHOW:
            return False
        tally, ballots = await self.counted(current)
        voted = {ballot.member_id for ballot in ballots if ballot.picks}
        return is_settled(tally, await self._expected(current), voted)

    async def _expected(self, current: Round) -> set[int]:
        """Who asked for pictures here lately, and who voted in the game's round before."""
        here = set(await self._present(current.guild_id, current.channel_id, self._clock() - PRESENT_FOR))
        for earlier in await self._store.game(current.game_id) if current.number > 1 else []:
            if earlier.number == current.number - 1:
                here |= {ballot.member_id for ballot in await self._store.ballots(earlier.id) if ballot.picks}
        return here - set(await self.banned(current))
