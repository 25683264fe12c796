"""A process that dies between any two steps of a question to an owner: one question, one answer, one job at most."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from bot.domain.model import CellRef, Job, JobSpec, Member, Options, Verb
from bot.domain.moderation.consents import Consents, Needed, Stance
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.rounds.asking import Asking
from bot.domain.rounds.consent_requests import ConsentRequests
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.entry import Entry
from bot.domain.rounds.round import Round, RoundAct, RoundKind, RoundState
from bot.errors import NotYours, OwnerAsked
from bot.store.database import Database
from bot.store.members.grants import GrantStore
from bot.store.members.members import MemberStore
from tests.bot.store.asks import ask
from tests.bot.store.rounds.group import HOST, Group, Mortal
from tests.bot.store.rounds.lives import lived

BOUNDARIES = 24
"""More steps than a question has; the last processes die of nothing."""
STRIDE = int(os.environ.get("DARKROOM_TEST_ROUND_STRIDE", "5"))


class Owners(Group):
    """HOST owns pictures; member 2 asks for them."""

    def __init__(self, database: Database) -> None:
        self.grants = GrantStore(database)
        self.members = MemberStore(database, self.clock)
        super().__init__(database)

    def restart(self, steps: int = 10**9) -> None:
        super().restart(steps)
        store, entries = Mortal(self.store, self.life), Mortal(self.entries, self.life)
        board, grants = Mortal(self.board, self.life), Mortal(self.grants, self.life)

        async def rules(guild_id: int) -> GuildRules:
            return GuildRules(guild_id=guild_id, share="ask")

        consents = Consents(self.members.preferences, rules, self.jobs.get, self.grants)
        asking: Any = Asking(
            self.service, store, entries, board, consents=consents, grants=grants, jobs=self.jobs, submit=self._submit
        )
        self.requests = ConsentRequests(store, entries, self.clock)
        self.deadlines = Deadlines(store, {RoundKind.CONSENT: asking}, clock=self.clock, hurry=self.service.hurry)

    async def ask(self, job: Job, number: int) -> None:
        """Member 2 presses V1 below it, again where the process died."""
        spec = JobSpec(
            verb=Verb.VARY_STRONG, options=Options(prompt="x"), seed=1, source=CellRef(job_id=job.id, cell=0)
        )
        asked = ask(member=100 + number, spec=spec).model_copy(update={"interaction_id": 10**6 + number})
        for _ in range(2):
            work = self.requests.ask(asked, Needed(owner_id=HOST.id, stance=Stance.ASK, job_id=job.id))
            [error] = await asyncio.gather(work, return_exceptions=True)
            assert isinstance(error, BaseException)
            if not self.life.is_over:
                assert isinstance(error, OwnerAsked | NotYours), error
                return
            self.restart()

    async def question(self, number: int) -> Round:
        [found] = await self.store.hosted(100 + number, RoundKind.CONSENT, self.now.replace(year=2000))
        return found


@pytest.mark.parametrize("act", [RoundAct.ONCE, RoundAct.ALWAYS, RoundAct.NO])
async def test_an_answer_is_taken_once_whenever_its_process_dies(database: Database, act: RoundAct) -> None:
    group = Owners(database)
    for number in range(0, BOUNDARIES, STRIDE):
        group.restart()
        job = await group.drawn()
        group.restart(number)
        await group.ask(job, number)
        for _ in range(6):
            await lived(group, group.turn(after_s=31.0))
            asked = await group.question(number)
            if asked.state is RoundState.OPEN:
                await lived(group, group.requests.answer(asked.id, HOST, act))
            elif asked.state is RoundState.ENDED:
                break
        over = await group.question(number)
        made = await group.jobs.children(job.id)
        assert over.state is RoundState.ENDED and over.settings == "", "what was asked for is not kept"
        assert [each.id for each in made] == ([over.next_job_id] if act is not RoundAct.NO else [])
        assert await group.grants.allows(HOST.id, 100 + number) is (act is RoundAct.ALWAYS)
        assert len([shown for shown in group.board.posted if shown == over.id]) == 1
    assert len(set(group.board.posted.values())) == len(range(0, BOUNDARIES, STRIDE)), "asked once each"


async def test_two_answers_in_one_tick_are_one(database: Database) -> None:
    group = Owners(database)
    job = await group.drawn()
    await group.ask(job, 0)
    await group.turn()
    asked = await group.question(0)
    presses = [group.requests.answer(asked.id, HOST, act) for act in (RoundAct.ONCE, RoundAct.NO, RoundAct.ALWAYS)]
    told = await asyncio.gather(*presses, return_exceptions=True)
    [won] = [each for each in told if isinstance(each, Entry)]
    await group.turn()
    assert len(await group.jobs.children(job.id)) == (0 if won.text == RoundAct.NO else 1)


async def test_nobody_else_answers(database: Database) -> None:
    group = Owners(database)
    await group.ask(await group.drawn(), 0)
    await group.turn()
    asked = await group.question(0)
    for other in (2, 100, 9):
        with pytest.raises(NotYours):
            await group.requests.answer(
                asked.id, Member(id=other, name="x", is_moderator=True, guild_id=5), RoundAct.ONCE
            )
