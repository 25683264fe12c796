"""Moderation of rounds: pause and resume one, void a ballot or an entry."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.ports import Clock
from bot.domain.rounds.entry import EntryRole, EntryState
from bot.domain.rounds.ports import Announcer, EntryStore, RoundStore
from bot.domain.rounds.round import Round, RoundState
from bot.domain.rounds.round_service import RoundService, over
from bot.errors import BadOption, Fenced, RoundNotFound

PAUSED_FOR = timedelta(days=7)
_PAUSABLE = (RoundState.OPEN, RoundState.DRAWING)


class Interventions:
    """Each is one compare-and-swap or one transaction; the round's message is shown anew."""

    def __init__(
        self, rounds: RoundService, store: RoundStore, entries: EntryStore, announcer: Announcer, clock: Clock
    ) -> None:
        self._rounds, self._store, self._entries = rounds, store, entries
        self._announcer, self._clock = announcer, clock

    async def find(self, guild_id: int, message_id: int) -> Round:
        """The round of a message in this server. Raises `RoundNotFound`."""
        found = await self._store.at_message(message_id)
        if found is None or found.guild_id != guild_id:
            raise RoundNotFound(str(message_id))
        return found

    async def is_round(self, message_id: int) -> bool:
        """Whether a message is that of a round."""
        return await self._store.at_message(message_id) is not None

    async def pause(self, current: Round) -> Round:
        """Take no ballots until `resume`, a week at most. Raises `RoundOver` and `BadOption`."""
        if current.state is RoundState.PAUSED:
            raise BadOption("pause", "it is paused already")
        if current.state not in _PAUSABLE:
            raise over(current)
        due_at = self._clock() + PAUSED_FOR
        return await self._changed(
            current, state=RoundState.PAUSED, resumes=current.state, due_at=due_at, outcome="a moderator paused it"
        )

    async def resume(self, current: Round) -> Round:
        """Go on, with the whole time for ballots. Raises `BadOption`."""
        if current.state is not RoundState.PAUSED:
            raise BadOption("resume", "it is not paused")
        state, now = RoundState(current.resumes), self._clock()
        due_at = now + current.duration if state is RoundState.OPEN else now
        return await self._changed(current, state=state, resumes="", due_at=due_at, outcome="")

    async def void_ballot(self, current: Round, member_id: int) -> None:
        """Take out what a member voted so far. Raises `RoundOver`, `BadOption` and `Fenced`."""
        if current.state in (RoundState.DECIDED, RoundState.ENDED):
            raise over(current)
        if member_id not in {ballot.member_id for ballot in await self._store.ballots(current.id)}:
            raise BadOption(f"<@{member_id}>", "has not voted in this round")
        await self._changed(current, void={member_id})

    async def void_entry(self, current: Round, role: EntryRole, place: int) -> None:
        """Take out an entry; it is neither shown nor counted. Raises `RoundOver` and `BadOption`."""
        if current.state in (RoundState.DECIDED, RoundState.ENDED):
            raise over(current)
        there = [entry for entry in await self._entries.of(current.id, role=role) if entry.place == place]
        if not there or await self._entries.change(there[0], state=EntryState.VOID) is None:
            raise BadOption(role.value, "there is none at this place, or it is taken out already")
        if role is EntryRole.CHOICE and current.state is RoundState.OPEN:
            await self._announcer.renew(await self._store.get(current.id))

    async def void_lines(self, current: Round, member_id: int) -> None:
        """Take out what a member handed in and nobody used yet, in the whole game. Raises `BadOption`."""
        game = await self._store.game(current.game_id) if current.game_id else [current]
        lines = await self._entries.of(*(each.id for each in game))
        theirs = [line for line in lines if line.member_id == member_id and line.state is EntryState.OPEN]
        waiting = [line for line in theirs if line.picture is None and line.role is not EntryRole.CHOICE]
        done = [await self._entries.change(line, state=EntryState.VOID) for line in waiting]
        if not any(done):
            raise BadOption(f"<@{member_id}>", "has handed in nothing that waits")

    async def _changed(self, current: Round, **values: object) -> Round:
        while True:
            try:
                changed = await self._store.change(current, **values)  # type: ignore[arg-type]
            except Fenced:
                current, state = await self._store.get(current.id), current.state
                if current.state is not state:
                    raise over(current) from None
                continue
            self._announcer.changed(changed.id, self._rounds.read)
            return changed
