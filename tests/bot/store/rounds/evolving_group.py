"""A group that evolves a picture on a real database, in processes that can die between any two steps."""

from __future__ import annotations

from typing import Any

from bot.domain.model import Job, JobSpec, JobState, Member, Options, Place, Verb
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.drawing import Studio
from bot.domain.rounds.evolutions import Evolutions
from bot.domain.rounds.evolving import Evolving
from bot.domain.rounds.round import Round, RoundKind, RoundState
from tests.bot.store.asks import kept
from tests.bot.store.rounds.group import HOST, Group, Mortal

PLACE = Place(guild_id=5, channel_id=10)


class EvolvingGroup(Group):
    """Plans, starts and draws; `draw` is what the engine would do meanwhile."""

    def restart(self, steps: int = 10**9) -> None:
        super().restart(steps)
        store, entries = Mortal(self.store, self.life), Mortal(self.entries, self.life)
        studio = Studio(self.jobs, self._submit, self._cancel)
        board: Any = Mortal(self.board, self.life)
        evolving = Evolving(self.service, store, entries, studio, board)
        self.evolutions = Evolutions(store, entries, studio, self._check, self.clock)
        self.deadlines = Deadlines(store, {RoundKind.EVOLVE: evolving}, clock=self.clock, hurry=self.service.hurry)

    async def _cancel(self, job_id: str, by: Member) -> Job:
        self.life.step()
        job = await self.jobs.get(job_id)
        return await self.jobs.close(job, JobState.CANCELLED, RuntimeError("cancelled"), self.now)

    async def _check(self, asked: object) -> None:
        return None

    async def planned(self, number: int, *, rounds: int = 3) -> Round:
        """What waits to be agreed to."""
        spec = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="a fox"), seed=number)
        return await self.evolutions.plan(spec, HOST, PLACE, rounds=rounds, minutes=2.0, asked_by_id=10**15 + number)

    async def draw(self) -> None:
        """Finish every job that waits."""
        for job in await self.jobs.unfinished():
            if job.state is JobState.QUEUED:
                job = await self.jobs.started(await self.jobs.claim(job), self.now)
            if job.state is JobState.RUNNING:
                job = await self.jobs.keep(job, kept(job, count=job.spec.count), self.now)
            if job.state is JobState.RENDERED:
                await self.jobs.delivered(job, None, self.now)

    async def newest(self, game_id: str) -> Round:
        """The game's last round so far."""
        return (await self.store.game(game_id))[-1]

    async def over(self, game_id: str) -> bool:
        """Whether nothing more will happen."""
        return all(each.state is RoundState.ENDED for each in await self.store.game(game_id))
