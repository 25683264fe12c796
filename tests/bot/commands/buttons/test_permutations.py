from __future__ import annotations

import pytest

from bot.errors import TooManyJobs
from bot.ui.content.buttons import permute_view
from tests.bot.scripted import png
from tests.bot.world import World


async def test_permutations_are_confirmed_and_each_is_its_own_job(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a {red, blue} fox --repeat 2", steps=9)
    assert offer.response is not None and offer.response.ephemeral
    assert "4 jobs" in offer.response.content and not world.job_service.asks

    await world.restart()
    await world.ada.click(offer.response, label="Start all")
    await world.job_service.done()

    assert [ask.spec.options.prompt for ask in world.job_service.asks] == ["a red fox"] * 2 + ["a blue fox"] * 2
    assert {ask.spec.options.steps for ask in world.job_service.asks} == {9}
    assert [ask.index for ask in world.job_service.asks] == [0, 1, 2, 3]
    assert len({job.reply.message_id for job in world.jobs.jobs.values()}) == 4
    assert sum(bool(message.attachments) for message in world.messages) == 4


async def test_a_double_click_starts_them_once(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a fox --repeat 2")
    assert offer.response is not None
    await world.ada.click(offer.response, label="Start all")
    await world.ada.click(offer.response, label="Start all")
    await world.job_service.done()
    assert len(world.job_service.asks) == 2


async def test_pressed_again_later_it_says_that_they_are_started(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a fox --repeat 2")
    assert offer.response is not None
    await world.ada.click(offer.response, label="Start all")
    await world.job_service.done()
    await world.env.advance_time(5)
    again = await world.ada.click(offer.response, label="Start all")
    assert again.response is not None and again.response.ephemeral and "started already" in again.response.content
    assert len(world.job_service.asks) == 2


async def test_flags_may_vary_too(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a fox --ar {3:2, 1:1}")
    assert offer.response is not None
    await world.ada.click(offer.response, label="Start all")
    await world.job_service.done()
    assert [ask.spec.options.aspect for ask in world.job_service.asks] == [(3, 2), (1, 1)]


async def test_what_is_refused_on_the_way_is_said_and_the_rest_goes_on(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a fox --repeat 3")
    assert offer.response is not None
    submit = world.job_service.submit

    async def full(ask):
        if len(world.job_service.asks) == 2:
            raise TooManyJobs(2, 2)
        return await submit(ask)

    world.job_service.submit = full  # the real limit stands in the database
    pressed = await world.ada.click(offer.response, label="Start all")
    await world.job_service.done()
    assert len(world.job_service.asks) == 2
    assert any(said.ephemeral and "2 are allowed at once" in said.content for said in pressed.followups)


async def test_too_many_or_broken_permutations_are_refused(world: World) -> None:
    for prompt in ("{a,b,c,d,e,f,g} {a,b,c,d,e,f,g}", "a {red", "a {b,c} " + "x " * 900):
        result = await world.ada.slash(world.channel, "imagine", prompt=prompt)
        assert result.response is not None and result.response.ephemeral
    assert not world.job_service.asks


async def test_permutations_of_a_picture_are_refused(world: World) -> None:
    result = await world.ada.slash(world.channel, "imagine", prompt="a {b,c}", image=("a.png", png()))
    assert result.response is not None and "one by one" in result.response.content


async def test_an_unheard_reply_does_not_replace_the_first(world: World) -> None:
    offer = await world.ada.slash(world.channel, "imagine", prompt="a fox --repeat 2")
    assert offer.response is not None
    world.job_service.gate.clear()
    world.env.inject_error("POST", "/webhooks/*/*", status=500)
    await world.ada.click(offer.response, label="Start all")
    world.job_service.gate.set()
    await world.job_service.done()
    assert len({job.reply.message_id for job in world.jobs.jobs.values()}) == 2
    assert sum(bool(message.attachments) for message in world.messages) == 2


async def test_only_the_asker_starts_a_permutation(world: World) -> None:
    place = world.bot.get_channel(world.channel.id)
    offer = await place.send("This makes **2 jobs**\n```\na fox --repeat 2\n```", view=permute_view(world.ada.id))
    refused = await world.bo.click(offer, label="Start all")
    [told] = [*refused.followups, *([refused.response] if refused.response else [])]
    assert told.ephemeral and f"<@{world.ada.id}>, who typed this command, can start its jobs" in told.content
    assert not world.job_service.asks


@pytest.mark.parametrize(("prompt", "shown"), [("a {red fox", r"write `\{`"), ("a red} fox", r"write `\}`")])
async def test_a_lone_brace_gets_a_form_that_can_be_copied(world: World, prompt: str, shown: str) -> None:
    refused = await world.ada.slash(world.channel, "imagine", prompt=prompt)
    assert refused.response is not None and shown in refused.response.content, (
        "outside of code Discord hides a backslash"
    )
