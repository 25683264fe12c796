"""Sheets of drafts: how one is asked for, and what can be made of its pictures."""

from __future__ import annotations

import discord
import pytest

from bot.domain.model import CellRef, Verb
from bot.domain.prompting.derivation import DRAFTS
from bot.domain.prompting.prompt import parse
from bot.domain.quotas.quota import pictures
from bot.errors import BadOption
from bot.ui.interactions import submission
from tests.bot.world import World


async def sheet(world: World, prompt: str = "a fox --seed 7 --ar 3:2") -> discord.Message:
    await world.ada.slash(world.channel, "imagine", prompt=f"{prompt} --draft")
    await world.job_service.done()
    return world.messages[-1]


def menus(message: discord.Message) -> list[str]:
    return [
        item.custom_id or "" for row in message.components for item in row.children if "sheet" in str(item.custom_id)
    ]


async def test_a_sheet_is_one_job_of_24_small_pictures(world: World) -> None:
    message = await sheet(world)

    [ask] = world.job_service.asks
    assert (ask.spec.verb, ask.spec.count, ask.spec.options.draft) == (Verb.DRAFT, 24, True)
    assert pictures(ask.spec.verb, ask.spec.count) == 4
    assert menus(message) == ["dr-sheet:dv:job0000001", "dr-sheet:dm:job0000001"]
    assert "--draft" in message.content and "drafts" in message.content
    assert not {"U1", "V1", "Let the group decide"} & {
        getattr(item, "label", None) for row in message.components for item in row.children
    }


async def test_a_draft_is_developed_at_full_size_from_its_own_seed(world: World) -> None:
    message = await sheet(world)
    await world.restart()  # the menu outlives the bot

    await world.ada.select(message, ["3"], custom_id="dr-sheet:dv:job0000001")
    await world.job_service.done()

    spec = world.job_service.asks[-1].spec
    assert (spec.verb, spec.count, spec.seed) == (Verb.DEVELOP, 1, 10)
    assert spec.source == CellRef(job_id="job0000001", cell=3)
    assert (spec.options.draft, spec.options.aspect, spec.width) == (False, (3, 2), None)
    assert "from this picture" in world.messages[-1].content


async def test_more_like_this_is_another_sheet(world: World) -> None:
    message = await sheet(world)

    await world.bo.select(message, ["1"], custom_id="dr-sheet:dm:job0000001")
    await world.job_service.done()

    ask = world.job_service.asks[-1]
    assert (ask.spec.verb, ask.spec.count, ask.member.name) == (Verb.DRAFT, DRAFTS, "bo")
    assert ask.spec.source == CellRef(job_id="job0000001", cell=1)


async def test_a_grid_becomes_drafts_and_a_sheet_is_drawn_again(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    await world.ada.click(world.messages[-1], label="24 drafts")
    await world.job_service.done()
    await world.ada.click(world.messages[-1], custom_id="dr:r:job0000002:0")
    await world.job_service.done()

    _, drafted, again = (ask.spec for ask in world.job_service.asks)
    assert (drafted.verb, drafted.count, drafted.options.draft) == (Verb.DRAFT, DRAFTS, True)
    assert (again.verb, again.count, again.options.draft) == (Verb.DRAFT, DRAFTS, True)
    assert again.seed != drafted.seed


def test_there_are_no_drafts_of_a_blend() -> None:
    with pytest.raises(BadOption, match="--draft"):
        submission.spec(Verb.BLEND, parse("a fox --draft"))
