"""The round service: opens rounds, takes ballots, and ends each round exactly once, whoever or whatever ends it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.domain.model import Member
from bot.domain.moderation.access import MODERATOR
from bot.domain.rounds.ballots import count, winner
from bot.domain.rounds.electorate import Electorate
from bot.domain.rounds.ports import Announcer, RoundStore
from bot.domain.rounds.round import Ballot, Round, RoundState, last_settings
from bot.errors import Fenced, NobodyVoted, NotPermitted, OwnersOnly, RoundNotFound, RoundOver, RoundWaits, StoreError

GRACE = timedelta(seconds=10)
"""When waiting could change nothing, so long is left for second thoughts and further marks."""
LEAST_EXTENSION = timedelta(seconds=30)
OVER = (RoundState.DECIDED, RoundState.ENDED)
_WAITS = (RoundState.DRAWING, RoundState.PAUSED)
UNSEEN = "its ballot paper never appeared"


class RoundService:
    """Stores ballots and decides rounds by compare-and-swap; `bot.domain.rounds.deadlines` calls it when time is up."""

    def __init__(
        self, store: RoundStore, electorate: Electorate, announcer: Announcer, *, grace: timedelta = GRACE
    ) -> None:
        self._store, self._electorate, self._announcer, self._grace = store, electorate, announcer, grace
        self._voted_in: set[str] = set()
        """Rounds with ballots since `hurry` looked last. A crash loses only that: their deadlines stay as they were."""

    def now(self) -> datetime:
        """The time."""
        return self._electorate.now()

    async def banned(self, current: Round) -> Collection[int]:
        """The ids of members who are banned in a server."""
        return await self._electorate.banned(current)

    async def valid(self, current: Round) -> list[Ballot]:
        """The ballots that count, without void marks."""
        _, ballots = await self._electorate.counted(current)
        return ballots

    async def open(self, new: Round) -> Round:
        """Begin a round, or find the one that this job has already."""
        return await self._store.open(new)

    async def get(self, round_id: str) -> Round:
        """Raises `RoundNotFound`."""
        return await self._store.get(round_id)

    async def posted(self, round_id: str, message_id: int) -> Round:
        """Store the id of the ballot paper's message. Raises `RoundNotFound`."""
        while True:
            current = await self._store.get(round_id)
            if current.message_id is not None:
                return current
            try:
                return await self._store.change(current, message_id=message_id)
            except Fenced:
                continue  # somebody voted or closed at the same moment: try on what is there now

    async def vote(self, round_id: str, member_id: int, slot: int) -> Ballot:
        """Toggle a member's mark; `hurry` later ends the round if it can. Raises `RoundOver` and `RoundNotFound`."""
        ballot = await self._store.toggle(round_id, member_id, slot, self._electorate.now())
        if ballot is None:
            current = await self._store.get(round_id)
            raise shut(current)
        self._voted_in.add(round_id)
        self._announcer.changed(round_id, self.read)
        return ballot

    async def hurry(self) -> None:
        """End rounds early where further votes could change nothing: all rounds voted in since the last call.

        Raises `StoreError`; the next call then looks again.
        """
        while self._voted_in:
            round_id = self._voted_in.pop()
            try:
                await self._hurry(round_id)
            except RoundNotFound:
                continue  # deleted with its pictures
            except StoreError:
                self._voted_in.add(round_id)
                raise

    async def read(self, round_id: str) -> tuple[Round, int]:
        """A round, and how many have voted. Raises `RoundNotFound`."""
        current = await self._store.get(round_id)
        tally, _ = await self._electorate.counted(current)
        return current, tally.voters

    async def close(self, round_id: str, by: Member) -> Round:
        """Count now. Only the host and moderators may.

        Raises `OwnersOnly`, `NotPermitted` for a show, `NobodyVoted`, `RoundWaits`, `RoundOver` and `RoundNotFound`.
        """
        while True:
            current = await self.led(round_id, by)
            if current.state is not RoundState.OPEN:
                raise RoundWaits(current.outcome)
            if not (await self._electorate.counted(current))[1]:
                raise NobodyVoted
            try:
                return await self.decide(current, is_asked=True)
            except Fenced:
                continue  # a ballot came in between: count again

    async def cancel(self, round_id: str, by: Member) -> Round:
        """End without an outcome; who may and what is raised are as for `close`."""
        while True:
            current = await self.led(round_id, by)
            who = "whoever began it" if by.id == current.host.id else "a moderator"
            try:
                return await self._fix(current, None, f"{who} cancelled it")
            except Fenced:
                continue

    async def gone(self, message_id: int) -> None:
        """A ballot paper was deleted: nobody can vote any more, so nothing follows."""
        while (found := await self._store.at_message(message_id)) and found.state not in OVER:
            try:
                # A game still has to end what it draws; a round on one grid owes nothing.
                state = RoundState.DECIDED if found.game_id else RoundState.ENDED
                due_at, why = self._electorate.now(), "its ballot paper was deleted"
                await self._store.change(
                    found, state=state, winner=None, outcome=why, due_at=due_at, settings=last_settings(found)
                )
            except Fenced:
                continue

    async def decide(self, current: Round, *, is_asked: bool = False) -> Round:
        """Fix the outcome. Without a quorum there is one extension, and then the host's own ballot decides.

        Raises `Fenced` when the round changed meanwhile.
        """
        tally, ballots = await self._electorate.counted(current)
        if current.message_id is None and not ballots:
            return await self._store.change(current, state=RoundState.ENDED, outcome=UNSEEN)
        is_enough = await self._electorate.is_enough(current, tally)
        if not is_enough and not is_asked and not current.is_extended:
            return await self.extend(current, current.duration, "Too few have voted.")
        chosen, why = winner(tally, current.seed), f"{tally.voters} voted"
        own = count([ballot for ballot in ballots if ballot.member_id == current.host.id], current.slots)
        if not is_enough and own.voters:
            chosen, why = winner(own, current.seed), "too few voted: the choice of whoever began it counts"
        return await self._fix(current, chosen, why if chosen is not None else "nobody voted")

    async def put_off_after_absence(self, current: Round, began: datetime) -> bool:
        """Whether the deadline passed while no process ran, and more time is given for that, once. Raises `Fenced`."""
        if current.due_at >= began or current.is_extended:
            return False
        away = min(max(began - current.due_at, LEAST_EXTENSION), current.duration)
        await self.extend(current, away, "I was away.")
        return True

    async def extend(self, current: Round, by: timedelta, why: str) -> Round:
        """Give more time, once, and say so. Raises `Fenced`."""
        extended = await self._store.change(current, due_at=self._electorate.now() + by, is_extended=True, outcome=why)
        self._announcer.changed(extended.id, self.read)
        return extended

    async def _fix(self, current: Round, chosen: int | None, why: str) -> Round:
        void, now = await self._electorate.banned(current), self._electorate.now()
        return await self._store.change(
            current, void=void, state=RoundState.DECIDED, winner=chosen, outcome=why, due_at=now, tries=0
        )

    async def led(self, round_id: str, by: Member) -> Round:
        """A round that is not over, for its host and moderators. Raises as `close`."""
        current = await self._store.get(round_id)
        if by.id != current.host.id and not (by.is_moderator and by.guild_id == current.guild_id):
            raise OwnersOnly(current.host.id) if current.host.id else NotPermitted(MODERATOR)  # nobody hosts a show
        if current.state in OVER:
            raise over(current)
        return current

    async def _hurry(self, round_id: str) -> None:
        while (current := await self._store.get(round_id)).state is RoundState.OPEN:
            soon = self._electorate.now() + self._grace
            if current.due_at <= soon or not await self._electorate.is_settled(current):
                return
            try:
                await self._store.change(current, due_at=soon)
            except Fenced:
                continue


def shut(found: Round) -> RoundOver | RoundWaits:
    """The error for what a round does not take now: it waits, or is over."""
    return RoundWaits(found.outcome) if found.state in _WAITS else over(found)


def over(found: Round) -> RoundOver:
    """`RoundOver` with the address of the outcome."""
    return RoundOver(found.guild_id, found.channel_id, found.message_id)
