"""A group that votes on a real database, in processes that can die between any two steps."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.model import Ask, Job, JobSpec, Member, Place
from bot.domain.moderation.consents import Needed, Stance
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.deciding import Deciding
from bot.domain.rounds.electorate import Electorate
from bot.domain.rounds.follow_up import VaryWinner
from bot.domain.rounds.ports import Reader
from bot.domain.rounds.round import Ballot, Round, RoundKind
from bot.domain.rounds.round_service import RoundService
from bot.errors import OwnerAsked
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.rounds import RoundStore
from tests.bot.store.asks import NOW, ask, kept

HOST, MODERATOR = Member(id=1, name="ada"), Member(id=9, name="mo", is_moderator=True, guild_id=5)


class Killed(BaseException):
    """The process is gone."""


class Life:
    """So many steps are left to a process; afterwards it can do nothing more."""

    def __init__(self, steps: int = 10**9) -> None:
        self._left, self.is_over = steps, False

    def step(self) -> None:
        self.is_over = self.is_over or self._left == 0
        if self.is_over:
            raise Killed
        self._left -= 1


class Mortal:
    """Anything with coroutines: before and after each of them the process may die."""

    def __init__(self, inner: Any, life: Life) -> None:
        self._inner, self._life = inner, life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        return self._lived(method) if inspect.iscoroutinefunction(method) else method

    async def __call__(self, *given: Any) -> Any:
        return await self._lived(self._inner)(*given)

    def _lived(self, method: Any) -> Any:
        async def lived(*given: Any, **named: Any) -> Any:
            self._life.step()
            result = await method(*given, **named)
            self._life.step()
            return result

        return lived


class Board:
    """What Discord shows: it outlives processes."""

    def __init__(self) -> None:
        self.outcomes: list[Round] = []
        self.marks: list[Sequence[Ballot]] = []
        self.error: Exception | None = None
        self.changes = 0
        self.posted: dict[str, int] = {}
        self.told: dict[str, int] = {}
        self.renewed: list[str] = []

    async def post(self, shown: Round) -> int:
        if self.error is not None:
            raise self.error
        # Discord knows a message by its nonce: posted again, it is the same one.
        return self.posted.setdefault(shown.id, 9000 + len(self.posted))

    async def renew(self, shown: Round) -> None:
        assert shown.message_id is not None
        if self.error is not None:
            raise self.error
        self.renewed.append(shown.id)

    async def reveal(self, shown: Round, ballots: Sequence[Ballot]) -> int:
        if self.error is not None:
            raise self.error
        self.marks.append(ballots)
        return self.told.setdefault(shown.id, 20000 + len(self.told))

    def changed(self, round_id: str, read: Reader) -> None:
        self.changes += 1

    async def ended(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> int | None:
        if self.error is not None:
            raise self.error
        self.outcomes.append(shown)
        self.marks.append(ballots)
        return shown.message_id


class Group:
    """Members in a channel, and one process after the other."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.banned: set[int] = set()
        self.present: set[int] = set()
        self.store, self.entries, self.board = RoundStore(database), EntryStore(database), Board()
        self.jobs = JobStore(database, Quotas(database, GuildRulesStore(database)), limits=AdmissionLimits(9999))
        self.refusal: Exception | None = None
        self.stance = Stance.YES
        self.restart()

    def clock(self) -> datetime:
        return self.now

    def restart(self, steps: int = 10**9) -> None:
        """Begin a process that lives for so many steps."""
        self.life, self.began = Life(steps), self.now
        store, board = Mortal(self.store, self.life), Mortal(self.board, self.life)

        async def present(guild_id: int, channel_id: int, since: datetime) -> set[int]:
            return self.present

        async def banned(guild_id: int, now: datetime) -> set[int]:
            return self.banned

        async def needed(spec: JobSpec, by: Member) -> list[Needed]:
            return [] if self.stance is Stance.YES else [Needed(owner_id=1, stance=self.stance)]

        async def asks(ask: Ask, one: Needed, *others: Needed) -> OwnerAsked:
            return OwnerAsked(one.owner_id, is_new=True)

        entries = Mortal(self.entries, self.life)
        self.service = RoundService(store, Electorate(store, entries, present, banned, self.clock), board)
        follow_up = Mortal(VaryWinner(self.jobs, self._submit, needed, asks), self.life)
        deciding = Deciding(self.service, store, follow_up=follow_up, announcer=board)
        plays = {RoundKind.DECIDE: deciding}
        self.deadlines = Deadlines(store, plays, clock=self.clock, hurry=self.service.hurry)

    async def _submit(self, asked: Ask) -> Job:
        self.life.step()
        if self.refusal is not None:
            raise self.refusal
        job = await self.jobs.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=self.now)
        self.life.step()
        return job

    async def drawn(self) -> Job:
        """A grid of the host's."""
        asked = ask(member=HOST.id)
        job = await self.jobs.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=self.now)
        job = await self.jobs.started(await self.jobs.claim(job), self.now)
        return await self.jobs.delivered(await self.jobs.keep(job, kept(job), self.now), 77, self.now)

    async def begun(self, number: int = 1, *, message_id: int | None = None) -> Round:
        """A round of two minutes on a new grid, its ballot paper shown."""
        new = Round(
            id=f"{number:016x}", host=HOST, place=Place(guild_id=5, channel_id=10), job_id=(await self.drawn()).id,
            slots=4, seed=number, message_id=message_id or 5000 + number, due_at=self.now + timedelta(minutes=2),
            duration_s=120.0, created_at=self.now,
        )  # fmt: skip
        return await self.store.open(new)

    async def turn(self, *, after_s: float = 0.0) -> None:
        """Let time pass and what is due be done."""
        self.now += timedelta(seconds=after_s)
        await self.deadlines.turn(self.began)
