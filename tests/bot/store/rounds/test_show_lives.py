"""What may come between a show and its end: absence, bans, deletions, withdrawals, lost rights, a crowd of pictures."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.model import CellRef, Preferences
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.round import Round, RoundState
from bot.errors import BadOption, DeliveryError, DeliveryLater, ReplyGone
from bot.store.database import Database
from bot.store.jobs.quarantines import Quarantines
from bot.store.members.member_records import MemberRecordStore
from bot.store.members.members import MemberStore
from bot.store.members.retention import Retention
from bot.store.picture_audit import audit
from bot.store.schema import cells, favourites, jobs, posts
from tests.bot.store.rounds.showing_group import MAKERS, MODERATOR, PLACE, ShowingGroup


@pytest.fixture
def group(database: Database, tmp_path: Path) -> ShowingGroup:
    return ShowingGroup(database, tmp_path)


async def of(group: ShowingGroup, show: Round, maker: int) -> Entry:
    return next(each for each in await group.hung(show) if each.member_id == maker)


async def won_by(group: ShowingGroup, maker: int) -> Round:
    show = await group.opened(*MAKERS)
    for voter in (1, 2, 3):
        await group.service.vote(show.id, voter, (await of(group, show, maker)).place)
    return await group.after(show)


async def test_it_hangs_two_days_and_nothing_ends_it_early(group: ShowingGroup) -> None:
    show = await group.opened(*MAKERS)
    for voter in MAKERS:
        await group.service.vote(show.id, voter, 0)
    await group.turn(after_s=47 * 3600.0)
    assert (await group.store.get(show.id)).state is RoundState.OPEN
    assert (await group.after(show, 2)).state is RoundState.ENDED


async def test_a_vote_for_ones_own_picture_does_not_count(group: ShowingGroup) -> None:
    show = await group.opened(*MAKERS)
    own = await of(group, show, MAKERS[0])
    other = await of(group, show, MAKERS[1])
    for slot in (own.place, other.place):
        await group.service.vote(show.id, MAKERS[0], slot)
    assert (await group.service.read(show.id))[1] == 1
    await group.service.vote(show.id, MAKERS[2], other.place)
    assert (await group.after(show)).winner == other.place


async def test_a_deadline_passed_in_absence_is_put_off_once(group: ShowingGroup) -> None:
    show = await group.opened(*MAKERS)
    group.now += timedelta(days=20)
    group.restart()
    await group.turn()
    extended = await group.store.get(show.id)
    assert extended.state is RoundState.OPEN and extended.due_at == group.now + timedelta(hours=48)


async def test_too_few_pictures_leave_a_week_out_and_say_why(group: ShowingGroup) -> None:
    await group.made(*MAKERS)
    plan = await group.planned()
    assert plan.next_at is not None
    group.now = plan.next_at
    await group.turn()
    after = await group.shows.plan(5)
    assert after is not None and after.note == "there were too few pictures: 4 of 6"
    assert after.next_at is not None and after.next_at - plan.next_at == timedelta(days=7)
    assert group.board.posted == {} and await group.newest() is None


async def test_without_pictures_nothing_begins(group: ShowingGroup) -> None:
    await group.made(21)
    with pytest.raises(BadOption, match="1 of the pictures"):
        await group.shows.begin_now(PLACE, "x")
    await group.turn()
    assert group.board.posted == {} and await group.newest() is None


@pytest.mark.parametrize("error", [ReplyGone("x", "404/10003"), DeliveryError("403/50013")])
async def test_where_it_cannot_hang_moderators_are_told(group: ShowingGroup, error: DeliveryError) -> None:
    await group.made(*MAKERS, *MAKERS)
    plan = await group.planned()
    assert plan.next_at is not None
    group.now, group.board.error = plan.next_at, error
    await group.turn()
    after = await group.shows.plan(5)
    assert after is not None and "cannot be shown" in after.note and await group.newest() is None
    group.board.error, group.now = None, group.now + timedelta(days=7)
    await group.turn()
    assert await group.newest() is not None, "what did not hang is not used up"


async def test_an_outage_of_discord_is_waited_for(group: ShowingGroup) -> None:
    await group.made(*MAKERS)
    await group.shows.begin_now(PLACE, "x")
    group.board.error = DeliveryLater(30.0, "503")
    await group.turn()
    group.board.error = None
    await group.turn(after_s=31.0)
    show = await group.newest()
    assert show is not None and show.state is RoundState.OPEN


async def test_where_the_outcome_cannot_be_told_it_ends(group: ShowingGroup) -> None:
    show = await group.opened(*MAKERS)
    await group.service.vote(show.id, 1, 0)
    await group.service.vote(show.id, 2, 0)
    group.board.error = ReplyGone(show.id, "404/10003")
    assert (await group.after(show)).state is RoundState.ENDED
    assert await group.hall.page(5) is None


@pytest.mark.parametrize("how", ["deleted", "pictures dropped", "hidden", "banned", "left"])
async def test_what_may_not_be_shown_is_taken_down_at_once(group: ShowingGroup, database: Database, how: str) -> None:
    show = await group.opened(*MAKERS)
    entry = await of(group, show, MAKERS[1])
    assert entry.picture is not None
    records = MemberRecordStore(database, group.pictures)
    for voter in (1, 2, 3):
        await group.service.vote(show.id, voter, entry.place)
    match how:
        case "deleted":
            await records.delete_job(entry.picture.job_id)
        case "pictures dropped":
            await records.drop_pictures(entry.picture.job_id)
        case "hidden":
            await Quarantines(database).hide(entry.picture.job_id, group.now)
        case "banned":
            group.banned = {MAKERS[1]}
        case _:
            await records.erase_member(MAKERS[1])
    await group.turn(after_s=11.0)
    taken = (await group.hung(show))[entry.place]
    assert (taken.state, taken.is_secret) == (EntryState.VOID, False) and group.board.renewed == [show.id]
    await group.turn(after_s=11.0)
    assert group.board.renewed == [show.id], "once"
    await group.service.vote(show.id, 1, (entry.place + 1) % 4)
    await group.service.vote(show.id, 2, (entry.place + 1) % 4)
    assert (await group.after(show)).winner == (entry.place + 1) % 4


async def test_a_paper_that_could_not_be_renewed_is_renewed_later(group: ShowingGroup) -> None:
    show = await group.opened(*MAKERS)
    group.banned, group.board.error = {MAKERS[1]}, DeliveryLater(30.0, "503")
    await group.turn(after_s=11.0)
    assert group.board.renewed == []
    group.restart()  # nothing of it was only in the memory
    group.board.error = None
    await group.turn(after_s=11.0)
    assert group.board.renewed == [show.id]


async def test_who_takes_a_yes_back_is_taken_down(group: ShowingGroup, database: Database) -> None:
    show = await group.opened(*MAKERS)
    members = MemberStore(database, group.clock)
    await members.prefer(MAKERS[1], Preferences(show=False))
    await group.shows.withdraw(MAKERS[1])
    assert (await of(group, show, MAKERS[1])).state is EntryState.VOID
    await members.prefer(MAKERS[2], Preferences(show=False))  # of whom the bot was told nothing
    for voter in (1, 2):
        for maker in MAKERS[1:]:
            await group.service.vote(show.id, voter, (await of(group, show, maker)).place)
    assert (await group.after(show)).winner == (await of(group, show, MAKERS[3])).place


async def test_when_all_are_taken_down_nobody_wins(group: ShowingGroup) -> None:
    show = await group.opened(*MAKERS)
    await group.service.vote(show.id, 1, 0)
    group.banned = set(MAKERS)
    over = await group.after(show)
    assert (over.state, over.winner, over.outcome) == (RoundState.ENDED, None, "no picture is left")
    assert group.board.told == {}


async def test_whoever_said_no_never_hangs(group: ShowingGroup, database: Database) -> None:
    members = MemberStore(database, group.clock)
    await members.prefer(MAKERS[0], Preferences(show=False))
    await members.prefer(MAKERS[1], Preferences(share="me"))
    await members.prefer(MAKERS[2], Preferences(share="me", show=True))
    show = await group.opened(*MAKERS)
    assert {each.member_id for each in await group.hung(show)} == {MAKERS[2], MAKERS[3]}


async def test_nothing_hangs_twice_in_later_shows(group: ShowingGroup) -> None:
    first = await group.opened(*MAKERS)
    await group.shows.cancel(5, MODERATOR)
    await group.turn(after_s=1.0)
    second = await group.opened(*MAKERS)
    pictures = [{each.picture for each in await group.hung(show)} for show in (first, second)]
    assert first.id != second.id and pictures[0].isdisjoint(pictures[1])


async def test_the_hall_outlives_retention_but_not_its_maker(
    group: ShowingGroup, database: Database, tmp_path: Path
) -> None:
    over, retention = await won_by(group, MAKERS[0]), Retention(database, group.pictures)
    kept = await group.hall.page(5)
    assert kept is not None and kept.round_id == over.id and kept.credits == ((MAKERS[0], 60), (99, 40))
    await retention.purge(group.now + timedelta(days=1), 5)
    await retention.sweep(group.now + timedelta(days=900))
    assert await group.hall.page(5) == kept and await group.pictures.has(kept.key)
    assert (await audit(database, group.pictures, group.now)).missing == []
    await retention.erase_member(99)
    left = await group.hall.page(5)
    assert left is not None and left.credits == ((MAKERS[0], 60),)
    exported = await MemberRecordStore(database, group.pictures).export(MAKERS[0], 10**6)
    assert kept.key.encode() in exported
    await retention.erase_member(MAKERS[0])
    assert await group.hall.page(5) is None and not await group.pictures.has(kept.key)


@pytest.mark.parametrize("how", ["delete_job", "drop_pictures"])
async def test_who_deletes_a_winner_takes_it_out_of_the_hall(group: ShowingGroup, database: Database, how: str) -> None:
    await won_by(group, MAKERS[0])
    kept = await group.hall.page(5)
    assert kept is not None
    await getattr(Retention(database, group.pictures), how)(kept.job_id)
    assert await group.hall.page(5) is None and not await group.pictures.has(kept.key)


async def test_five_hundred_pictures_are_ten_places(group: ShowingGroup, database: Database) -> None:
    [pattern] = await group.made(21)
    async with database.write() as connection:
        row = dict((await connection.execute(sa.select(jobs).where(jobs.c.id == pattern.id))).mappings().one())
        cell = dict((await connection.execute(sa.select(cells).limit(1))).mappings().one())
        ids = [f"c{number}" for number in range(500)]
        asked = [
            {**row, "id": job_id, "member_id": 100 + number % 40, "interaction_id": number, "message_id": None}
            for number, job_id in enumerate(ids)
        ]
        await connection.execute(sa.insert(jobs), asked)
        await connection.execute(sa.insert(cells), [{**cell, "job_id": job_id, "cell": 0} for job_id in ids])
        shown = [
            {"message_id": 10**9 + number, "channel_id": 10, "job_id": job_id} for number, job_id in enumerate(ids)
        ]
        await connection.execute(sa.insert(posts), shown)
        stars = [
            {"member_id": 900 + star, "job_id": f"c{number}", "cell": 0, "created_at": group.now}
            for number in range(250) for star in range(number % 5)
        ]  # fmt: skip
        await connection.execute(sa.insert(favourites), stars)
    found = await group.candidates.found(5, group.now - timedelta(days=28))
    assert len(found) == 500 and [one.stars for one in found[:3]] == [4, 4, 4]
    assert found[0].picture == CellRef(job_id="c104", cell=0)
    await group.shows.begin_now(PLACE, "x")
    await group.turn()
    show = await group.newest()
    assert show is not None and show.state is RoundState.OPEN and show.slots == 10
    assert max(Counter(each.member_id for each in await group.hung(show)).values()) <= 2


async def test_who_has_made_nothing_before_is_new(group: ShowingGroup) -> None:
    await group.made(21, 22)
    group.now += timedelta(days=40)
    await group.made(22, 23)
    since = group.now - timedelta(days=28)
    assert await group.candidates.newcomers(5, [21, 22, 23], since) == {23}
