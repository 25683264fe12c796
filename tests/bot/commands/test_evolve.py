"""`/evolve` as members play it, over the real store, rules, quotas and log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import Ask, Job, JobState, Verb
from bot.domain.rounds.entry import EntryRole, EntryState
from bot.domain.rounds.evolution import Part, parts
from bot.domain.rounds.round import Round, RoundKind, RoundState
from bot.errors import RoundUnderWay
from tests.bot.court import Court, eventually, said
from tests.bot.evolution import Evolve, labels
from tests.bot.scripted import png


@pytest.fixture
async def evolve(court: Court) -> Evolve:
    return Evolve(court)


def letter(current: Round, part: Part) -> str:
    return "ABCD"[parts(current).index(part)]


async def test_the_cost_is_said_and_nothing_begins_before_start(court: Court, evolve: Evolve) -> None:
    asked = await court.ada.slash(court.channel, "evolve", prompt="a red fox", rounds=4)
    assert "at most **14 pictures** of your quota: 4 at first, 3 in each later round, 1 for the upscale" in said(asked)
    assert await court.jobs.active() == [] and court.channel.history() == []


async def test_a_game_from_first_grid_to_the_upscale(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    paper = await evolve.paper()
    assert labels(paper) == ["A", "B", "C", "D", "Wild card", "Count now", "End"]
    assert "Round 1 of 3" in paper.content and len(paper.attachments) == 1
    first = await evolve.decide("B")
    assert "**B** goes on" in paper_of(court, first) and "The next round follows." in paper_of(court, first)

    await evolve.draw()
    second = await evolve.now()
    assert second.number == 2 and sorted(each.value for each in parts(second)) == ["kept", "new", "varied", "varied"]
    choices = await court.entries.of(second.id, role=EntryRole.CHOICE)
    assert choices[parts(second).index(Part.KEPT)].picture == (await first_choices(court, first))[1].picture
    second = await evolve.decide(letter(second, Part.VARIED))
    assert f"{letter(second, Part.KEPT)} " in paper_of(court, second) and "the last winner" in paper_of(court, second)

    await evolve.draw()
    assert "Wild card" not in labels(await evolve.paper())
    third = await evolve.decide(letter(await evolve.now(), Part.VARIED))
    assert third.next_job_id
    upscale = await court.jobs.get(third.next_job_id)
    assert upscale.spec.verb is Verb.UPSCALE_SUBTLE and not upscale.reply.hidden
    end = paper_of(court, third)
    assert f"/{upscale.reply.message_id})" in end
    assert "this was the last round" in end and f"Made by 2: <@{court.ada.id}>, <@{court.bo.id}>" in end
    names = [file.filename for file in court.message(third.message_id).attachments]
    assert [name.rpartition("-")[0] for name in names] == ["darkroom-round", "darkroom-winners"]


def paper_of(court: Court, shown: Round) -> str:
    return court.message(shown.message_id or 0).content


async def first_choices(court: Court, shown: Round) -> list[Any]:
    return await court.entries.of(shown.id, role=EntryRole.CHOICE)


async def test_no_picture_of_a_round_is_posted_by_its_job(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    assert len(court.channel.history()) == 1
    choices = await first_choices(court, await evolve.now())
    job = await court.jobs.get(choices[0].picture.job_id)
    assert (job.state, job.reply.message_id) == (JobState.DELIVERED, None)


async def test_a_winner_kept_twice_ends_it_early(court: Court, evolve: Evolve) -> None:
    await evolve.begin(rounds=6)
    await evolve.draw()
    await evolve.decide("C")
    await evolve.draw()
    once = await evolve.decide(letter(await evolve.now(), Part.KEPT))
    assert once.next_job_id is None
    await evolve.draw()
    over = await evolve.decide(letter(await evolve.now(), Part.KEPT))
    assert "was kept twice" in paper_of(court, over) and over.next_job_id
    assert len(await evolve.rounds()) == 3


async def test_a_wild_card_draws_with_its_words(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    form = await court.bo.click(await evolve.paper(), label="Wild card")
    handed = await court.bo.submit_modal(form, {"prompt": "in the rain"})
    assert "in the rain" in said(handed)
    assert "in the rain" not in (await evolve.paper()).content
    await evolve.decide("A")
    await evolve.draw()
    second = await evolve.now()
    entry = (await court.entries.of(second.id, role=EntryRole.CHOICE))[parts(second).index(Part.NEW)]
    assert (entry.member_id, entry.text) == (court.bo.id, "in the rain") and entry.picture is not None
    assert (await court.jobs.get(entry.picture.job_id)).spec.options.prompt == "a red fox, in the rain"
    [line] = await court.entries.of((await evolve.rounds())[0].id, role=EntryRole.WILD)
    assert line.state is EntryState.USED
    over = await evolve.decide(letter(second, Part.NEW))
    assert f"wild card “in the rain” by <@{court.bo.id}>" in paper_of(court, over)


async def test_three_lines_a_round_and_one_in_the_last(court: Court, evolve: Evolve) -> None:
    await evolve.begin(rounds=3)
    await evolve.draw()
    lines = {court.ada: "in the rain", court.bo: "at sunset", court.ria: "in the snow", court.mo: "on a beach"}
    for actor, text in lines.items():
        form = await actor.click(await evolve.paper(), label="Wild card")
        await actor.submit_modal(form, {"prompt": text})
    await evolve.decide("A")
    drawn: list[str] = []
    for held in ([Part.KEPT, Part.NEW, Part.NEW, Part.NEW], [Part.KEPT, Part.NEW, Part.VARIED, Part.VARIED]):
        await evolve.draw()
        current = await evolve.now()
        assert sorted(parts(current), key=list(Part).index) == sorted(held, key=list(Part).index)
        choices = await court.entries.of(current.id, role=EntryRole.CHOICE)
        pictures = {entry.picture for entry in choices}
        assert len(pictures) == 4 and None not in pictures
        drawn += [entry.text for entry in choices if entry.text]
        for entry in choices:
            if entry.text and entry.picture is not None:
                assert entry.text in (await court.jobs.get(entry.picture.job_id)).spec.options.prompt
        await evolve.decide(letter(current, Part.KEPT))
    assert sorted(drawn) == sorted(lines.values())


@pytest.mark.parametrize("words", ["--steps 500", "a {red, blue} hat", " ", "violence here"])
async def test_a_bad_wild_card_is_refused(court: Court, evolve: Evolve, words: str) -> None:
    await court.say(court.mo, "mod words add", pattern="violence")
    await evolve.begin()
    await evolve.draw()
    form = await court.bo.click(await evolve.paper(), label="Wild card")
    answer = said(await court.bo.submit_modal(form, {"prompt": words}))
    assert "Your wild card" not in answer
    assert await court.entries.of((await evolve.now()).id, role=EntryRole.WILD) == []


async def test_a_used_up_quota_is_told_before_it_begins(court: Court, evolve: Evolve) -> None:
    await court.say(court.mo, "quota set", unit="pictures", window="day", amount=3)
    assert "3" in await evolve.begin()
    assert (await evolve.now()).state is RoundState.PLANNED and court.channel.history() == []


async def test_a_quota_used_up_midway_pauses_and_says_so(court: Court, evolve: Evolve) -> None:
    await court.say(court.mo, "quota set", unit="pictures", window="day", amount=5)
    await evolve.begin()
    await evolve.draw()
    await evolve.decide("A")
    await court.counted()
    shown = await evolve.paper()
    await eventually(lambda: "It waits: the quota of" in court.message(shown.id).content)
    assert labels(court.message(shown.id)) == ["Wild card", "End"]
    await court.say(court.mo, "quota set", unit="pictures", window="day", amount=50)
    await court.counted(after_s=61.0)
    await evolve.draw()
    assert "A" in labels(await evolve.paper())


async def test_its_host_ends_it_and_what_is_drawn_is_refunded(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await court.counted()
    await evolve.press(court.ada, "End")
    await court.counted()
    over = await evolve.now()
    assert over.state is RoundState.ENDED and "whoever began it cancelled it" in paper_of(court, over)
    assert await court.jobs.active() == []
    uses = await court.client.services.quotas.uses(over.host, over.place, court.now())
    assert all(use.used == 0 for use in uses)


async def test_others_neither_start_nor_end_it(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    assert "moderator" in await evolve.press(court.bo, "End")
    again = said(await court.ada.click(evolve.plan, label="Start"))
    assert "votes on this already" in again and str((await evolve.now()).message_id) in again


async def test_a_plan_that_nobody_starts_ends(court: Court, evolve: Evolve) -> None:
    asked = await court.ada.slash(court.channel, "evolve", prompt="a red fox")
    await court.counted(after_s=901.0)
    assert "over" in said(await court.ada.click(asked.response, label="Start"))
    assert court.channel.history() == []


async def test_a_deleted_message_ends_it_and_its_jobs(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await court.counted()
    shown = await evolve.now()
    await court.client.get_channel(court.channel.id).get_partial_message(shown.message_id).delete()
    await court.env.settle()
    await court.counted()
    assert (await evolve.now()).state is RoundState.ENDED and await court.jobs.active() == []


async def test_moderators_take_out_a_picture_and_a_ballot(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    for actor, label in ((court.bo, "A"), (court.ria, "B"), (court.ria, "A")):
        await evolve.press(actor, label)
    message = str((await evolve.now()).message_id)
    assert "taken out" in await court.say(court.mo, "mod round entry", message=message, letter="A")
    assert "A" not in labels(await evolve.paper())
    assert "taken out" in await court.say(court.mo, "mod round ballot", message=message, member=court.bo)
    assert "ballot of" in (await court.newest()).subject
    await evolve.press(court.mo, "Count now")
    await court.counted()
    [first, _] = await evolve.rounds()
    assert first.winner == 1 and f"<@{court.bo.id}>" not in paper_of(court, first)


async def test_a_moderator_pauses_and_lets_it_go_on(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    await evolve.press(court.bo, "A")
    link = f"https://discord.com/channels/1/2/{(await evolve.now()).message_id}"
    form = await court.bo.click(await evolve.paper(), label="Wild card")
    assert "paused" in await court.say(court.mo, "mod round pause", message=link)
    assert "a moderator paused it" in said(await court.bo.submit_modal(form, {"prompt": "in the rain"}))
    shown = await evolve.paper()
    await eventually(lambda: "has paused this" in court.message(shown.id).content)
    assert labels(court.message(shown.id)) == ["End"]
    await court.counted(after_s=600.0)
    assert (await evolve.now()).state is RoundState.PAUSED
    assert "goes on" in await court.say(court.mo, "mod round resume", message=link)
    await eventually(lambda: "1 voted so far" in court.message(shown.id).content)
    assert "not paused" in await court.say(court.mo, "mod round resume", message=link)


async def test_a_members_lines_and_votes_go_with_them(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    form = await court.bo.click(await evolve.paper(), label="Wild card")
    await court.bo.submit_modal(form, {"prompt": "in the rain"})
    await evolve.press(court.bo, "A")
    await court.bo.slash(court.channel, "privacy delete", confirm="delete everything")
    [line] = await court.entries.of((await evolve.now()).id, role=EntryRole.WILD)
    assert (line.member_id, line.text, line.state) == (None, "", EntryState.VOID)
    assert await court.round_store.ballots((await evolve.now()).id) == []


async def test_nobody_votes_and_it_ends_with_a_reason(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw()
    for _ in range(2):
        await court.counted(after_s=121.0)
    over = await evolve.now()
    assert over.state is RoundState.ENDED and "nobody voted" in paper_of(court, over) and over.next_job_id is None


async def test_a_blocked_picture_is_not_put_to_the_vote(court: Court, evolve: Evolve) -> None:
    await evolve.begin()
    await evolve.draw(score=0.99)
    over = await evolve.now()
    assert over.state is RoundState.ENDED and "too few of the pictures" in paper_of(court, over)
    assert court.message(over.message_id or 0).attachments == []


@pytest.mark.parametrize("prompt", ["a red fox --draft", "a {red, blue} fox", "a fox --repeat 2", "a fox --relax"])
async def test_what_is_no_grid_of_four_is_refused(court: Court, prompt: str) -> None:
    refused = said(await court.ada.slash(court.channel, "evolve", prompt=prompt))
    assert "not together with /evolve" in refused and await court.jobs.active() == []


@pytest.mark.parametrize("number", [1, 2])
async def test_what_was_asked_for_while_it_ended_is_refunded(
    court: Court, evolve: Evolve, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Between the asking and the writing down of what was asked, the host presses End."""
    service = court.job_service
    if number == 2:
        await evolve.begin()
        await evolve.draw()
        await evolve.decide("A")

    async def ended(ask: Ask) -> Job:
        job = await service.submit(ask)
        current = await evolve.now()
        if current.state is RoundState.DRAWING:
            await court.rounds.cancel(current.id, current.host)
        return job

    monkeypatch.setattr(court.client.services.evolutions._studio, "_submit", ended)
    if number == 1:
        await evolve.begin()
    for _ in range(3):
        await court.counted()
    assert (await evolve.now()).state is RoundState.ENDED and await court.jobs.active() == []


async def test_two_presses_of_start_begin_one_round(court: Court, evolve: Evolve) -> None:
    await court.ada.slash(court.channel, "evolve", prompt="a red fox")
    [planned] = await court.round_store.hosted(court.ada.id, RoundKind.EVOLVE, court.now() - timedelta(hours=1))
    start = court.client.services.evolutions.start
    began = await asyncio.gather(*(start(planned.id, planned.host) for _ in range(2)), return_exceptions=True)
    assert {type(one) for one in began} == {Round, RoundUnderWay}
    assert len(await court.jobs.active()) == 1


async def test_a_style_kept_by_name_is_drawn_with_in_every_round(court: Court, evolve: Evolve) -> None:
    await court.say(court.ada, "style save", name="fog", picture=("fog.png", png("red")))
    await evolve.begin(prompt="a red fox --style fog")
    await evolve.draw()
    await evolve.decide("A")
    await evolve.draw()
    assert all(stream.request.style_images for stream in court.engine.streams)
