"""Proposals: richer words and translated pastes are shown with the difference, and drawn only when somebody presses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bot.commands.richer import ANSWER_WITHIN_S
from bot.errors import PromptRejected
from bot.ui.content.proposal_page import LONGEST
from engine import LoRACard, LoRASettings
from engine.events import Finished
from tests.bot.whole import last_said
from tests.bot.world import World, labels


async def alike(texts: Sequence[str]) -> np.ndarray:
    return np.ones((len(texts), 1), np.float32)


class Writing:
    """The part of an engine with an instruct model that says this."""

    def __init__(self, world: World, says: str) -> None:
        self.says, self.asked = says, list[Any]()
        engine = world.bot.services.engine
        engine.embed, engine.resolve, engine.submit = alike, self.resolve, self.submit

    async def resolve(self, request: Any) -> Any:
        self.asked.append(request)
        return SimpleNamespace(request=request)

    def submit(self, resolved: Any) -> AsyncIterator[Any]:
        async def events() -> AsyncIterator[Any]:
            yield Finished(images=(), gpu_ms=1.0, captions=(self.says,))

        return events()


async def with_writer(world: World, says: str) -> Writing:
    engine = world.settings.engine.model_copy(update={"writer": Path("instruct")})
    world.settings = world.settings.model_copy(update={"engine": engine})
    await world.restart()
    return Writing(world, says)


async def richer(world: World, prompt: str = "a red fox --ar 3:2") -> Any:
    told = await world.ada.slash(world.channel, "richer", prompt=prompt)
    assert told.response is not None and told.response.ephemeral
    return told.response


async def test_richer_words_are_marked_and_drawn_when_pressed(world: World) -> None:
    writing = await with_writer(world, "a red fox in deep snow, low sun")
    proposal = await richer(world)
    assert "a red fox **in deep snow, low sun**" in proposal.content
    assert labels(proposal.message) == ["Draw this", "Change"] and not world.job_service.asks
    assert writing.asked[0].member == str(world.ada.id) and writing.asked[0].prompt == "a red fox"
    await world.restart()
    drawn = await world.ada.click(proposal, label="Draw this")
    await world.job_service.done()
    [ask] = world.job_service.asks
    assert ask.spec.options.prompt == "a red fox in deep snow, low sun" and ask.spec.options.aspect == (3, 2)
    assert drawn.response is not None and not drawn.response.ephemeral
    again = await world.ada.click(proposal, label="Draw this")
    assert again.response is not None and "drawn already" in again.response.content
    assert len(world.job_service.asks) == 1, "a second press costs nothing"


async def test_change_opens_the_text_in_a_form(world: World) -> None:
    await with_writer(world, "a red fox in deep snow")
    form = await world.ada.click(await richer(world), label="Change")
    await world.ada.submit_modal(form, {"prompt": "a blue fox --ar 1:1"})
    await world.job_service.done()
    assert world.job_service.asks[0].spec.options.prompt == "a blue fox"


@pytest.mark.parametrize("says", ["Sure! Here is how:", "", "a fox --steps 500"])
async def test_what_cannot_be_proposed_is_refused_with_a_reason(world: World, says: str) -> None:
    await with_writer(world, says)
    told = await richer(world)
    assert told.content.startswith("There is no proposal: ") and not labels(told.message)
    assert not world.job_service.asks


async def test_forbidden_words_of_the_model_are_not_shown(world: World) -> None:
    await with_writer(world, "a red fox and a gnome")

    async def check(member: Any, place: Any, text: str) -> None:
        if "gnome" in text:
            raise PromptRejected("no gnomes")

    world.job_service.check_words = check
    told = await richer(world)
    assert "There is no proposal" in told.content and "no gnomes" in told.content and "and a gnome" not in told.content


@pytest.mark.parametrize("world", [{"settle_timeout": 1.0}], indirect=True)
async def test_a_host_that_does_not_come_to_it_says_so(world: World) -> None:
    writing = await with_writer(world, "")
    ended: list[bool] = []

    def never(resolved: Any) -> AsyncIterator[Any]:
        async def events() -> AsyncIterator[Any]:
            try:
                await world.env.external_wait(asyncio.Event().wait(), reason="others are drawn")
                yield None
            finally:
                ended.append(True)

        return events()

    world.bot.services.engine.submit = never
    asked = await world.ada.slash(world.channel, "richer", prompt="a red fox")
    await world.env.advance_time(ANSWER_WITHIN_S + 1)
    assert "too busy" in last_said(asked).content and ended and writing.asked, "and its request is ended"


async def test_without_a_model_and_lists_it_says_what_is_missing(world: World) -> None:
    world.bot.services.engine.embed = alike
    assert "neither an instruct model nor word lists" in (await richer(world)).content
    assert "without weights" in (await richer(world, "cat::2 dog::1")).content


async def test_the_button_on_a_recipe_proposes_for_its_prompt(world: World) -> None:
    await with_writer(world, "a red fox in deep snow")
    await world.ada.slash(world.channel, "imagine", prompt="a red fox")
    await world.job_service.done()
    card = await world.ada.click(world.messages[-1], custom_id="dr:i:job0000001:0")
    assert card.response is not None and "Richer" in labels(card.response.message)
    told = await world.ada.click(card.response, label="Richer")
    assert told.response is not None and "**in deep snow**" in told.response.content


async def test_a_recipe_offers_no_button_that_leads_nowhere(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a red fox")
    await world.job_service.done()
    card = await world.ada.click(world.messages[-1], custom_id="dr:i:job0000001:0")
    assert card.response is not None
    assert any(field.name == "Who may make something of it" for field in card.response.embeds[0].fields)
    assert "Richer" not in labels(card.response.message) and "Make it again" in labels(card.response.message)


async def test_a_paste_is_translated_at_a_press(world: World) -> None:
    world.bot.services.engine.cards = (LoRACard("ink", LoRASettings(path="ink.safetensors")),)
    pasted = "a fox, (snow:1.3) <lora:ink:0.8> Negative prompt: text --v 6"
    told = await world.ada.slash(world.channel, "imagine", prompt=pasted, seed=7)
    assert told.response is not None and told.response.ephemeral and not world.job_service.asks
    said = told.response.content
    assert "not written so here" in said and "--v 6: Midjourney's own" in said
    assert ", (snow:1.3) <lora:ink:0.8> Negative prompt:~~" in said
    await world.ada.click(told.response, label="Draw this")
    await world.job_service.done()
    options = world.job_service.asks[0].spec.options
    assert dict(options.parts) == {"a fox": 1.0, "snow": 1.3} and options.loras == (("ink", 0.8),)
    assert (options.negative, options.seed) == ("text", 7), "options of the command are kept"


@pytest.mark.parametrize("prompt", ["a fox --stepz 3", "a (fox:1.2) " + "x" * LONGEST, "a `code` (fox:1.2)"])
async def test_what_cannot_be_translated_keeps_its_hint(world: World, prompt: str) -> None:
    told = await world.ada.slash(world.channel, "imagine", prompt=prompt)
    assert told.response is not None and told.response.ephemeral and not labels(told.response.message)
    assert not world.job_service.asks


async def test_the_form_opens_under_results_and_in_the_help(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a red fox")
    await world.job_service.done()
    help_page = (await world.ada.slash(world.channel, "help")).response
    assert help_page is not None
    for actor, message in ((world.bo, world.messages[-1]), (world.ada, help_page)):
        form = await actor.click(message, label="Imagine…")
        await actor.submit_modal(form, {"prompt": "a harbour", "shape": ["shape:3:2"]})
    await world.job_service.done()
    asked = [ask.spec.options for ask in world.job_service.asks[1:]]
    assert [(one.prompt, one.aspect) for one in asked] == [("a harbour", (3, 2))] * 2
    assert "3:2" in world.members.set[world.bo.id].form, "and remembers the choice of whoever pressed"
