"""What may come between a vote and its end: absence, too few voters, bans, deletions, refusals, an outage."""

from __future__ import annotations

import pytest

from bot.domain.moderation.consents import Stance
from bot.domain.rounds.round import RoundState
from bot.errors import (
    Banned,
    DeliveryLater,
    OwnersOnly,
    Paused,
    ReplyGone,
    RoundNotFound,
    RoundOver,
)
from bot.store.database import Database
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from tests.bot.store.rounds.group import HOST, MODERATOR, Group


@pytest.fixture
def group(database: Database) -> Group:
    return Group(database)


async def test_a_deadline_passed_in_absence_is_put_off_once(group: Group) -> None:
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 0)
    await group.service.vote(opened.id, 3, 0)
    group.now += (opened.due_at - group.now) * 10
    group.restart()
    await group.turn()
    extended = await group.store.get(opened.id)
    assert extended.state is RoundState.OPEN and extended.outcome == "I was away." and group.board.changes == 3
    assert (extended.due_at - group.now).total_seconds() == 120.0
    group.now += (extended.due_at - group.now) * 2
    group.restart()
    await group.turn()
    assert (await group.store.get(opened.id)).state is RoundState.ENDED


async def test_when_all_have_voted_little_time_is_left(group: Group) -> None:
    opened, group.present = await group.begun(), {1, 2}
    await group.service.vote(opened.id, 1, 0)
    await group.turn()
    assert (await group.store.get(opened.id)).due_at == opened.due_at
    await group.service.vote(opened.id, 2, 0)
    assert (await group.store.get(opened.id)).due_at == opened.due_at, "what follows waits behind the confirmation"
    await group.turn()
    near = (await group.store.get(opened.id)).due_at
    assert (near - group.now).total_seconds() == 10.0
    await group.service.vote(opened.id, 2, 1)  # there is time for another mark
    await group.turn(after_s=10.0)
    assert (await group.store.get(opened.id)).winner == 0


async def test_too_few_voters_get_more_time_then_the_host_chooses(group: Group) -> None:
    opened, group.present = await group.begun(), set(range(1, 11))
    for member, slot in ((HOST.id, 2), (5, 1), (6, 1)):
        await group.service.vote(opened.id, member, slot)
    await group.turn(after_s=120.0)
    assert (await group.store.get(opened.id)).outcome == "Too few have voted."
    await group.turn(after_s=120.0)
    over = await group.store.get(opened.id)
    assert over.winner == 2 and "too few voted" in over.outcome


async def test_nobody_votes(group: Group) -> None:
    opened = await group.begun()
    await group.turn(after_s=120.0)
    await group.turn(after_s=120.0)
    over = await group.store.get(opened.id)
    assert (over.state, over.winner, over.outcome) == (RoundState.ENDED, None, "nobody voted")
    assert await group.jobs.children(over.job_id) == []


async def test_a_ban_voids_the_ballot(group: Group) -> None:
    opened = await group.begun()
    for member, slot in ((2, 0), (3, 0), (4, 1)):
        await group.service.vote(opened.id, member, slot)
    group.banned = {2, 3}
    assert (await group.service.read(opened.id))[1] == 1
    await group.service.close(opened.id, HOST)
    await group.turn()
    assert (await group.store.get(opened.id)).winner == 1
    assert [[ballot.member_id for ballot in shown] for shown in group.board.marks] == [[4], [4]]


async def test_only_the_host_and_moderators_end_it(group: Group) -> None:
    opened = await group.begun()
    stranger = HOST.model_copy(update={"id": 3})
    elsewhere = MODERATOR.model_copy(update={"guild_id": 6})
    for who in (stranger, elsewhere):
        for end in (group.service.close, group.service.cancel):
            with pytest.raises(OwnersOnly):
                await end(opened.id, who)
    await group.service.vote(opened.id, 2, 0)
    cancelled = await group.service.cancel(opened.id, MODERATOR)
    await group.turn()
    assert cancelled.outcome == "a moderator cancelled it" and await group.jobs.children(opened.job_id) == []
    with pytest.raises(RoundOver):
        await group.service.vote(opened.id, 2, 0)


async def test_a_deleted_ballot_paper_ends_it(group: Group) -> None:
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 0)
    await group.service.gone(opened.message_id or 0)
    await group.service.gone(opened.message_id or 0)
    await group.turn(after_s=500.0)
    over = await group.store.get(opened.id)
    assert over.state is RoundState.ENDED and group.board.outcomes == []
    assert await group.jobs.children(opened.job_id) == []


async def test_where_the_outcome_cannot_be_shown_nothing_follows(group: Group) -> None:
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 0)
    await group.service.close(opened.id, HOST)
    group.board.error = ReplyGone(opened.id, "404/10003")
    await group.turn()
    assert (await group.store.get(opened.id)).state is RoundState.ENDED
    assert await group.jobs.children(opened.job_id) == []


async def test_an_outage_of_discord_is_waited_for(group: Group) -> None:
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 0)
    await group.service.close(opened.id, HOST)
    group.board.error = DeliveryLater(30.0, "503")
    await group.turn()
    await group.turn(after_s=29.0)
    assert (await group.store.get(opened.id)).state is RoundState.DECIDED
    group.board.error = None
    await group.turn(after_s=30.0)
    over = await group.store.get(opened.id)
    assert over.state is RoundState.ENDED and len(await group.jobs.children(opened.job_id)) == 1


async def test_a_ballot_paper_that_never_appeared_ends_quietly(group: Group) -> None:
    opened = await group.begun()
    await group.store.change(opened, message_id=None)
    await group.turn(after_s=120.0)
    assert (await group.store.get(opened.id)).state is RoundState.ENDED and group.board.outcomes == []


async def test_a_deleted_grid_takes_its_vote_along(group: Group, database: Database, tmp_path: object) -> None:
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 0)
    assert await Retention(database, PictureStore.open(f"{tmp_path}/pictures")).delete_job(opened.job_id)
    with pytest.raises(RoundNotFound):
        await group.service.vote(opened.id, 2, 0)
    await group.turn(after_s=200.0)
    assert await group.store.ballots(opened.id) == []


@pytest.mark.parametrize("error", [Banned(None, "spam"), Paused("dinner")])
async def test_what_refuses_the_variations_is_kept(group: Group, error: Exception) -> None:
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 0)
    await group.service.close(opened.id, HOST)
    group.refusal = error
    await group.turn()
    over = await group.store.get(opened.id)
    if isinstance(error, Paused):
        assert over.state is RoundState.DECIDED and len(group.board.outcomes) == 1
        group.refusal = None
        await group.turn(after_s=5.0)
        assert (await group.store.get(opened.id)).next_job_id
    else:
        assert over.state is RoundState.ENDED and "Banned" in over.refusal


async def test_a_picture_that_is_no_longer_shared_is_not_varied(group: Group) -> None:
    opened = await group.begun()
    await group.store.change(opened, host=HOST.model_copy(update={"id": 4}).model_dump_json())
    await group.service.vote(opened.id, 2, 0)
    await group.service.close(opened.id, HOST.model_copy(update={"id": 4}))
    group.stance = Stance.NO
    await group.turn()
    over = await group.store.get(opened.id)
    assert over.state is RoundState.ENDED and "NotYours" in over.refusal
