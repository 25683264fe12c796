"""A group decides, through the whole bot with the embedded model: pressed, voted, counted and varied."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.domain.model import Job, JobState, Verb
from bot.domain.rounds.round import Round, RoundState
from bot.errors import RoundOver
from bot.settings import Settings
from bot.store.rounds.rounds import RoundStore
from bot.ui.content.error_texts import words
from engine import EngineSettings
from tests.bot.whole import Whole, last_said, whole
from tests.patience import PATIENCE_S, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("rounds")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    engine = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=300.0)
    async with whole(Settings(data_dir=tmp_path_factory.mktemp("rounds"), engine=engine)) as running:
        yield running


async def drawn(bot: Whole) -> tuple[Job, Any]:
    for member in (bot.bo, bot.ada):  # both are present then
        job, message = await bot.finished(
            await member.slash(bot.channel, "imagine", prompt="a red apple --seed 7 --steps 4")
        )
    return job, message


async def paper(bot: Whole, message: Any) -> Any:
    pressed = await bot.ada.click(message, label="Let the group decide")
    assert pressed.response is not None and not pressed.response.ephemeral
    return bot.message(pressed.response.id)


async def ended(bot: Whole, paper: Any) -> Round:
    round_id = re.findall("dr-round:v:([0-9a-f]+):", str(ids(paper)))[0]
    store = RoundStore(bot.app.services.jobs._database)
    async with asyncio.timeout(PATIENCE_S):
        while (found := await store.get(round_id)).state is not RoundState.ENDED:  # noqa: ASYNC110
            await asyncio.sleep(0)
    return found


def ids(message: Any) -> list[str]:
    return [item.custom_id for row in message.components for item in row.children if item.custom_id]


async def test_a_group_decides_and_the_winner_is_varied(bot: Whole) -> None:
    job, message = await drawn(bot)
    ballot = await paper(bot, message)
    assert "0 voted so far" in ballot.content

    one = await bot.ada.click(ballot, label="B")
    assert one.response.ephemeral and "**B**" in one.response.content
    both = await bot.bo.click(ballot, label="B")
    assert "**B**" in both.response.content
    await bot.ada.click(ballot, label="Count now")

    decided = await ended(bot, ballot)
    assert decided.winner == 1 and decided.next_job_id
    made = await bot.app.services.job_service.wait(decided.next_job_id)
    assert (made.state, made.spec.verb, made.parent_id, made.parent_cell) == (
        JobState.DELIVERED, Verb.VARY_STRONG, job.id, 1,
    )  # fmt: skip
    assert made.member_id == job.member_id
    said = bot.message(ballot.id).content
    assert "**B** goes on" in said and "B 2" in said and f"<@{bot.ada.id}>" in said and f"<@{bot.bo.id}>" in said
    assert bot.message(ballot.id).components == []


async def test_votes_are_secret_until_the_end(bot: Whole) -> None:
    _, message = await drawn(bot)
    ballot = await paper(bot, message)
    await bot.bo.click(ballot, label="C")
    await until(lambda: "1 voted so far" in bot.message(ballot.id).content)
    shown = bot.message(ballot.id).content
    assert f"<@{bot.bo.id}>" not in shown and "**C**" not in shown


async def test_only_the_host_and_moderators_count_early(bot: Whole) -> None:
    _, message = await drawn(bot)
    ballot = await paper(bot, message)
    refused = await bot.bo.click(ballot, label="Count now")
    assert refused.response.ephemeral and "moderators" in refused.response.content
    await bot.bo.click(ballot, label="D")
    await bot.ada.click(ballot, label="Count now")
    assert (await ended(bot, ballot)).winner == 3


async def test_a_late_vote_is_told_where_the_outcome_is(bot: Whole) -> None:
    _, message = await drawn(bot)
    ballot = await paper(bot, message)
    early = await bot.ada.click(ballot, label="Count now")
    assert early.response.ephemeral and "Nobody has voted yet" in early.response.content
    await bot.ada.click(ballot, label="Cancel the vote")
    over = await ended(bot, ballot)
    assert over.winner is None and over.next_job_id is None
    service = bot.app.client.services.rounds
    assert service is not None
    with pytest.raises(RoundOver) as told:
        await service.vote(over.id, bot.bo.id, 0)
    assert str(ballot.id) in words(told.value)


async def test_a_grid_is_voted_on_once_at_a_time(bot: Whole) -> None:
    _, message = await drawn(bot)
    ballot = await paper(bot, message)
    again = last_said(await bot.bo.click(message, label="Let the group decide"))
    assert again.ephemeral and str(ballot.id) in again.content
