"""Members who play on a real database, in processes that can die between any two steps."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.conductor import Conductor
from bot.domain.games.corpse import Shape
from bot.domain.games.game_draws import GameDraws
from bot.domain.games.game_service import GameService
from bot.domain.games.likeness import Likeness
from bot.domain.games.phases import Phase
from bot.domain.games.player import Player
from bot.domain.games.telephone import Telephone
from bot.domain.model import Ask, Job, Member, Place
from bot.errors import NotInGame, RoundOver
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.rounds.games import GameStore
from tests.bot.store.asks import NOW, kept
from tests.bot.store.rounds.group import Life, Mortal

MEMBERS = tuple(Member(id=number, name=f"member {number}") for number in range(1, 5))
Press = Callable[[], Awaitable[object]]


class Screen:
    """What Discord shows: it outlives processes, and takes a nonce for the same message."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, int], int] = {}
        self.phases: list[Phase] = []
        self.error: Exception | None = None

    def changed(self, game_id: str) -> None:
        """Counters are not looked at here."""

    async def show(self, game: AnyGame) -> int | None:
        if self.error is not None:
            raise self.error
        key = (game.id, game.stage)
        if key not in self.shown:
            self.phases.append(game.phase)
        return self.shown.setdefault(key, 5000 + 1000 * int(game.id, 16) + len(self.shown))


class Party:
    """Four members of a channel, and one process after the other."""

    def __init__(self, database: Database) -> None:
        self.now, self.banned = NOW, set[int]()
        self.store, self.screen = GameStore(database), Screen()
        self.jobs = JobStore(database, Quotas(database, GuildRulesStore(database)), limits=AdmissionLimits(9999, 9999))
        self.restart()

    def restart(self, steps: int = 10**9) -> None:
        """Begin a process that lives for so many steps."""
        self.life, self.began = Life(steps), self.now
        store, screen = Mortal(self.store, self.life), Mortal(self.screen, self.life)

        async def banned(guild_id: int, now: object) -> set[int]:
            return self.banned

        draws, likeness = GameDraws(Mortal(self, self.life), Mortal(self.jobs, self.life)), Likeness()
        self.conductor = Conductor(store, screen, draws, likeness, banned=banned, clock=lambda: self.now)
        self.games = GameService(store, screen, likeness, lambda: self.now, lambda: None)

    async def submit(self, asked: Ask) -> Job:
        """Draw at once."""
        job = await self.jobs.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=self.now)
        job = await self.jobs.started(await self.jobs.claim(job), self.now)
        return await self.jobs.delivered(await self.jobs.keep(job, kept(job, 1), self.now), None, self.now)

    async def cancel(self, job_id: str, by: Member) -> Job:
        return await self.jobs.get(job_id)

    async def begun(self, kind: Callable[..., AnyGame], number: int) -> AnyGame:
        """A game of four that has begun."""
        new = kind(
            id=f"{number:x}", host=MEMBERS[0], place=Place(guild_id=5, channel_id=1000 + number), seed=number,
            players=tuple(Player(member=member) for member in MEMBERS), created_at=self.now,
            closes_at=self.now + timedelta(seconds=60),
        )  # fmt: skip
        return await self.games.open(new)

    async def turn(self, after_s: float = 0.0) -> None:
        self.now += timedelta(seconds=after_s)
        await self.conductor.turn(self.began)

    def presses(self, game: AnyGame, dice: random.Random) -> list[Press]:
        """What members might press now, some of it twice in one tick."""
        made = [press for member in MEMBERS if dice.random() < 0.8 for press in self._of(game, member, dice)]
        return [press for press in made for _ in range(dice.choice((1, 1, 2)))]

    def _of(self, game: AnyGame, member: Member, dice: random.Random) -> list[Press]:
        now, words = self.now, f"words {dice.randrange(10**6)}"
        moves: dict[Phase, Callable[[Any], Any]] = {
            Phase.TELL: lambda current: current.told(member.id, words, now),
            Phase.FAKE: lambda current: current.faked(member.id, words, now),
            Phase.VOTE: lambda current: current.voted(member.id, dice.randrange(4), now),
            Phase.WRITE: lambda current: current.wrote(member.id, words, now),
            Phase.BEST: lambda current: current.voted(member.id, dice.randrange(4), now),
        }
        if (move := moves.get(game.phase)) is None:
            return []
        return [lambda: self._pressed(type(game), game.id, move)]

    async def _pressed(self, kind: type[AnyGame], game_id: str, move: Callable[[Any], Any]) -> None:
        try:
            await self.games.move(kind, game_id, move)
        except (NotInGame, RoundOver):
            return


KINDS: Mapping[str, Callable[..., AnyGame]] = {
    "bluff": Bluff,
    "telephone": Telephone,
    "corpse": partial(Telephone, shape=Shape.TALL),
}
