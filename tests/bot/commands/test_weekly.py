"""`/weekly` as moderators and members use it, over the real store, rules and log."""

from __future__ import annotations

import pytest

from bot.domain.rounds.round import RoundState
from tests.bot.court import Court
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
    assert over.state is RoundState.ENDED
    closed, reveal = court.channel.history()[-2:]
    assert closed.id != over.message_id or f"**{letter}** has won" in closed.content
    assert f"**{letter}** has won" in weekly.paper(over).content and labels(weekly.paper(over)) == []
    assert reveal.content.startswith(f"🏆 **{letter}** has won the show (3 voted)")
    assert all(f"<@{maker.id}>" in reveal.content for maker in weekly.makers)
    assert f"**100 points**: <@{court.ria.id}> 100" in reveal.content
    assert [file.filename for file in reveal.attachments] == [f"darkroom-show-{show.id}-winner.png"]
    page = said_all(await court.bo.slash(court.channel, "weekly hall"))
    assert f"<@{court.ria.id}>" in page.content and "3 of 3 voters" in page.content and len(page.attachments) == 1


def said_all(result):  # type: ignore[no-untyped-def]
    assert result.response is not None and result.response.ephemeral
    return result.response
