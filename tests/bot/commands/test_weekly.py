"""`/weekly` as moderators and members use it, over the real store, rules and log."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import CellRef
from bot.domain.rounds.entry import EntryState
from bot.domain.rounds.round import RoundState
from tests.bot.court import Court, eventually, said
from tests.bot.evolution import labels
from tests.bot.weekly import TWO_DAYS, Weekly


@pytest.fixture
async def weekly(court: Court) -> Weekly:
    return Weekly(court)


async def test_a_show_from_first_sheet_to_the_hall(court: Court, weekly: Weekly) -> None:
    await weekly.made(6)
    show = await weekly.begin()
    paper = weekly.paper(show)
    assert labels(paper) == [*"ABCDEF", "Count now", "Cancel the vote"]
    assert "6 pictures of the last weeks" in paper.content and "0 voted so far" in paper.content
    assert (show.due_at - court.now()).total_seconds() == pytest.approx(TWO_DAYS, abs=60)
    [letter, *_] = await weekly.of(show, court.ria)
    for voter in (court.ada, court.bo, court.mo):
        assert f"**{letter}**" in await weekly.press(show, voter, letter)
    over = await weekly.end(show)
    reveal = court.channel.history()[-1]
    assert over.state is RoundState.ENDED
    assert f"**{letter}** has won" in weekly.paper(over).content and labels(weekly.paper(over)) == []
    assert f"/{reveal.id})" in weekly.paper(over).content
    assert reveal.content.startswith(f"🏆 **{letter}** has won the show (3 voted)")
    assert all(f"<@{maker.id}>" in reveal.content for maker in weekly.makers)
    assert f"**100 points**: <@{court.ria.id}> 100" in reveal.content
    assert [file.filename for file in reveal.attachments] == [f"darkroom-show-{show.id}-winner.png"]
    page = await court.bo.slash(court.channel, "weekly hall")
    assert f"<@{court.ria.id}>" in said(page) and "3 of 3 voters" in said(page)
    assert page.response is not None and len(page.response.attachments) == 1


async def test_nothing_tells_who_made_what_before_the_end(
    court: Court, weekly: Weekly, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bot")
    jobs = await weekly.made(4)
    caplog.clear()
    show = await weekly.begin()
    await weekly.press(show, court.ada, "A")
    await court.counted(after_s=11)
    paper = weekly.paper(show)
    answers = [
        await court.say(court.mo, "mod round entry", message=str(show.message_id), letter="D"),
        await court.say(court.mo, "mod log"),
        await court.say(court.mo, "weekly setup"),
        said(await court.bo.slash(court.channel, "weekly hall")),
    ]
    for menu in ("Darkroom: recipe", "Darkroom: edit"):
        asked = await court.bo.context_menu(court.channel, menu, paper)
        answers.append(str(vars(asked)) + str(asked.response and asked.response.content))
    logged = " ".join(str(vars(record)) for record in caplog.records if record.name.startswith("bot."))
    told = weekly.everything() + " ".join(answers) + logged
    hung = await weekly.hung(show)
    assert len(hung) == 4
    for secret in (*(job.id for job in jobs), *(f"word{number}" for number in range(4))):
        assert secret not in told
    ids = "|".join(str(maker.id) for maker in weekly.makers)
    assert not re.search(ids, weekly.everything() + answers[0] + answers[3])
    assert b"word" not in await paper.attachments[0].read()


async def test_members_cannot_set_up_begin_or_end(court: Court, weekly: Weekly) -> None:
    await weekly.made(3)
    for command in ("weekly setup", "weekly off", "weekly now", "weekly cancel"):
        assert "for moderators" in (await court.say(court.ada, command)).lower()
    show = await weekly.begin()
    for label in ("Count now", "Cancel the vote"):
        assert "moderators" in await weekly.press(show, court.ada, label)
    assert not (await court.newest()).done or (await court.newest()).action == "weekly now"
    assert (await weekly.show()).state is RoundState.OPEN


async def test_it_comes_every_week_at_its_hour(court: Court, weekly: Weekly) -> None:
    await court.say(court.mo, "quota timezone", name="Europe/Berlin")
    told = await court.say(court.mo, "weekly setup", weekday="Sunday", hour=18)
    assert "every Sunday, 18:00" in told and (await court.newest()).action == "weekly setup"
    plan = await court.shows.plan(court.guild.id)
    assert plan is not None and plan.next_at is not None
    await court.say(court.mo, "quota timezone", name="Asia/Tokyo")
    moved = await court.shows.plan(court.guild.id)
    assert moved is not None and moved.next_at is not None and moved.next_at != plan.next_at
    await weekly.made(6)
    await court.plans.put(moved.model_copy(update={"next_at": moved.next_at - timedelta(weeks=4)}))
    await court.counted()
    assert len(await weekly.hung(await weekly.show())) == 6
    assert (later := await court.shows.plan(court.guild.id)) and later.next_at == moved.next_at, "once, not four times"
    assert "off" in await court.say(court.mo, "weekly off")
    assert "The weekly show is off" in await court.say(court.mo, "weekly setup")


async def test_an_idle_week_is_left_out_and_moderators_can_ask_why(court: Court, weekly: Weekly) -> None:
    await court.say(court.mo, "weekly setup", weekday="Monday", hour=0)
    plan = await court.shows.plan(court.guild.id)
    assert plan is not None
    await court.plans.put(plan.model_copy(update={"next_at": court.now()}))
    before = len(court.channel.history())
    await court.counted()
    assert len(court.channel.history()) == before
    assert "did not take place: there were too few pictures: 0 of 6" in await court.say(court.mo, "weekly setup")
    assert "it takes 2" in await court.say(court.mo, "weekly now")


async def test_moderators_pause_take_out_and_cancel(court: Court, weekly: Weekly) -> None:
    await weekly.made(3)
    show = await weekly.begin()
    link = str(show.message_id)
    await court.say(court.mo, "mod round pause", message=link)
    await eventually(lambda: "has paused this" in weekly.paper(show).content)
    assert "A" not in labels(weekly.paper(show))
    await court.say(court.mo, "mod round resume", message=link)
    await eventually(lambda: "A" in labels(weekly.paper(show)))
    await court.say(court.mo, "mod round entry", message=link, letter="B")
    assert (await weekly.hung(show))[1].state is EntryState.VOID
    await eventually(lambda: "B" not in labels(weekly.paper(show)))
    assert "2 pictures" in weekly.paper(show).content
    assert "cancelled" in await court.say(court.mo, "weekly cancel")
    await court.counted()
    over = await court.round_store.get(show.id)
    assert (over.state, over.outcome) == (RoundState.ENDED, "a moderator cancelled it")
    assert "cancelled it" in weekly.paper(over).content
    assert not any(f"<@{maker.id}>" in weekly.paper(over).content for maker in weekly.makers)
    done = [each.action for each in await court.log.newest(court.guild.id, 9)]
    assert {"weekly cancel", "round entry", "round pause", "round resume", "weekly now"} <= set(done)
    assert "no show is under way" in await court.say(court.mo, "weekly cancel")


async def test_one_show_at_a_time(court: Court, weekly: Weekly) -> None:
    await weekly.made(3)
    show = await weekly.begin()
    assert str(show.message_id) in await court.say(court.mo, "weekly now")


async def test_a_hidden_picture_leaves_the_sheet_within_seconds(court: Court, weekly: Weekly) -> None:
    jobs = await weekly.made(3)
    show = await weekly.begin()
    [letter] = await weekly.of(show, court.bo)
    before = await weekly.paper(show).attachments[0].read()
    await court.say(court.mo, "mod quarantine add", job=jobs[1].id)
    await court.counted(after_s=11)
    paper = weekly.paper(show)
    assert letter not in labels(paper) and "2 pictures" in paper.content
    assert await paper.attachments[0].read() != before


async def test_who_says_no_is_taken_down_and_hangs_no_more(court: Court, weekly: Weekly) -> None:
    await weekly.made(3)
    show = await weekly.begin()
    [letter] = await weekly.of(show, court.ada)
    assert "taken down" in await court.say(court.ada, "privacy weekly", show=False)
    await court.counted(after_s=11)
    assert letter not in labels(weekly.paper(show))
    await court.say(court.mo, "weekly cancel")
    await court.counted()
    await weekly.made(3)
    again = await weekly.begin()
    assert {one.member_id for one in await weekly.hung(again)} == {court.bo.id, court.ria.id}


async def test_stars_hang_the_picture_that_was_starred(court: Court, weekly: Weekly) -> None:
    jobs = await weekly.made(3)
    await weekly.star(court.bo, jobs[0], cell=2)
    await weekly.star(court.mo, jobs[0], cell=2)
    await weekly.star(court.ada, jobs[0], cell=1)  # her own: it does not count
    show = await weekly.begin()
    assert CellRef(job_id=jobs[0].id, cell=2) in [one.picture for one in await weekly.hung(show)]


async def test_the_branch_shares_the_points(court: Court, weekly: Weekly) -> None:
    [first, *_] = await weekly.made(2, makers=[court.ada, court.ria])
    grid = court.message(first.reply.message_id or 0)
    await court.bo.click(grid, label="V1")
    await court.draw(picture=b"")
    show = await weekly.begin()
    [letter] = await weekly.of(show, court.bo) or [""]
    if not letter:  # one of each family hangs, and chance has chosen her own
        [letter] = await weekly.of(show, court.ada)
    for voter in (court.mo, court.ria):
        await weekly.press(show, voter, letter)
    await weekly.end(show)
    kept = await court.hall.page(court.guild.id)
    assert kept is not None
    expected = ((court.bo.id, 60), (court.ada.id, 40)) if kept.member_id == court.bo.id else ((court.ada.id, 100),)
    assert kept.credits == expected


async def test_the_hall_is_walked_page_by_page(court: Court, weekly: Weekly) -> None:
    for _ in range(2):
        await weekly.made(3)
        show = await weekly.begin()
        for voter in (court.mo, court.ria):
            await weekly.press(show, voter, (await weekly.of(show, court.ada))[0])
        await weekly.end(show)
        await court.env.advance_time(60)
    newest = await court.bo.slash(court.channel, "weekly hall")
    assert "Older" in buttons(newest) and "Newer" not in buttons(newest)
    older = await court.bo.click(newest.response, label="Older")
    assert "Newer" in buttons(older) and "Older" not in buttons(older) and said(older) != said(newest)
    again = await court.bo.click(older.response, label="Newer")
    assert said(again) == said(newest)


async def test_two_presses_in_one_tick_are_one_outcome(court: Court, weekly: Weekly) -> None:
    await weekly.made(3)
    show = await weekly.begin()
    for voter in (court.ada, court.bo):
        await weekly.press(show, voter, "A")
    await weekly.press(show, court.mo, "Count now")
    assert "over" in await weekly.press(show, court.mo, "Count now")
    await court.counted()
    await court.counted()
    assert sum("has won the show" in each.content for each in court.channel.history()) <= 1


async def test_a_deleted_paper_ends_it_quietly(court: Court, weekly: Weekly) -> None:
    await weekly.made(3)
    show = await weekly.begin()
    before = len(court.channel.history())
    place = court.client.get_partial_messageable(court.channel.id)
    await place.get_partial_message(show.message_id or 0).delete()
    await court.counted(after_s=1)
    await court.counted()
    over = await court.round_store.get(show.id)
    assert over.state is RoundState.ENDED and len(court.channel.history()) == before - 1


def buttons(answer: Any) -> str:
    return str(answer.response.components)


async def test_a_server_that_lost_its_boosts_sees_the_end(court: Court, weekly: Weekly) -> None:
    """Files may be smaller than when the show was set up."""
    await weekly.made(4)
    show = await weekly.begin()
    [letter, *_] = await weekly.of(show, court.ria)
    for voter in (court.ada, court.bo, court.mo):
        await weekly.press(show, voter, letter)
    court.env.inject_error("POST", f"/channels/{court.channel.id}/messages", status=413, code=40005)
    await weekly.end(show)
    reveal = court.channel.history()[-1]
    assert f"**{letter}** has won the show" in reveal.content and reveal.attachments
