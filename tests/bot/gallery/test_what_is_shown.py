"""What is shown to everybody: through the pages, each reason for privacy by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import CellRef, Job, JobSpec, JobState, Options, Place, Preferences, Verb
from bot.domain.moderation.access import Ban
from bot.domain.moderation.audit_entry import AuditEntry
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.jobs.job_reads import JobReads
from bot.store.members.retention import Retention
from tests.bot.gallery.hall import ADA, AGREES, BO, CLOSED, GUILD, OPEN, Hall, Visitor, visiting
from tests.bot.store.asks import NOW

OTHERWHERE = Place(guild_id=GUILD, channel_id=CLOSED)
UPLOADED = JobSpec(verb=Verb.BLEND, options=Options(prompt="a mix"), seed=1, count=1, images=("uploads/a.png",))
SEALED = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="a secret"), seed=1, count=1, sealed=True)
SKETCH = JobSpec(verb=Verb.DRAFT, options=Options(prompt="a sketch"), seed=1, count=1)
ENTRY = AuditEntry(at=NOW, guild_id=GUILD, actor_id=9, action="test")


async def is_shown(visitor: Visitor, job: Job) -> bool:
    """Whether any door shows something of the job; all doors must agree."""
    await visitor.gallery.keeper.check([job.id])
    doors = (
        f"/p/{job.id}",
        f"/p/{job.id}/1",
        f"/p/{job.id}/1/alike",
        f"/small/{job.id}/1.webp",
        f"/full/{job.id}/1.png",
    )
    told = {(await visitor.get(door)).status for door in doors}
    listed = {job.id in (await visitor.get(page)).text for page in ("/", "/?q=", f"/?by={job.member_id}")}
    assert len(told) == len(listed) == 1, (told, listed)
    assert (told, listed) in (({200}, {True}), ({404}, {False}))
    return told == {200}


async def test_what_its_maker_agreed_to_is_shown_everywhere(hall: Hall, visitor: Visitor) -> None:
    job = await hall.hang("a red fox in the snow", count=4)
    assert await is_shown(visitor, job)
    page = await visitor.get(f"/p/{job.id}/2")
    assert "a red fox in the snow" in page.text and "ada" in page.text and "<dt>Seed</dt><dd>8</dd>" in page.text


@pytest.mark.parametrize(
    "how",
    [
        {"by": BO},
        {"place": OTHERWHERE},
        {"place": Place(guild_id=None, channel_id=12, open_channel_id=OPEN)},
        {"place": Place(guild_id=GUILD, channel_id=OPEN, open_channel_id=CLOSED)},
        {"reply": {"bot_present": False}},
        {"reply": {"ephemeral": True}},
        {"reply": {"hidden": True}},
        {"spec": UPLOADED},
        {"spec": SEALED},
        {"spec": SKETCH},
        {"is_posted": False},
        {"state": JobState.REVIEW},
        {"spoiler": True},
        {"cell": {"unsafe_score": 0.9}},
        {"cell": {"unsafe_score": None, "check_error": "broke"}},
    ],
    ids=str,
)
async def test_what_speaks_against_it_keeps_it_private(hall: Hall, visitor: Visitor, how: dict[str, Any]) -> None:
    assert await is_shown(visitor, await hall.hang())
    assert not await is_shown(visitor, await hall.hang(**how))


async def withdrawn(hall: Hall, _: Job) -> None:
    await hall.members.prefer(ADA.id, Preferences())


async def closed(hall: Hall, _: Job) -> None:
    await hall.channels.replace(GUILD, ())


async def left(hall: Hall, _: Job) -> None:
    await hall.channels.keep_only([GUILD + 1])


async def message_deleted(hall: Hall, job: Job) -> None:
    assert job.reply.message_id is not None
    await hall.jobs.unposted(job.reply.message_id)


async def thread_deleted(hall: Hall, job: Job) -> None:
    await hall.jobs.channel_gone(job.channel_id)


async def hidden(hall: Hall, job: Job) -> None:
    await hall.choices.choose(job.id, is_shown=False)


async def banned(hall: Hall, _: Job) -> None:
    ban = Ban(member_id=ADA.id, until=hall.now + timedelta(days=1))
    await GuildRulesStore(hall.database).change(lambda rules: rules.model_copy(update={"bans": (ban,)}), ENTRY)


async def deleted(hall: Hall, job: Job) -> None:
    await Retention(hall.database, hall.pictures).delete_job(job.id)


async def erased(hall: Hall, _: Job) -> None:
    await Retention(hall.database, hall.pictures).erase_member(ADA.id)


async def pictures_dropped(hall: Hall, job: Job) -> None:
    await Retention(hall.database, hall.pictures).drop_pictures(job.id)


@pytest.mark.parametrize(
    "change",
    [withdrawn, closed, left, message_deleted, thread_deleted, hidden, banned, deleted, erased, pictures_dropped],
    ids=lambda change: change.__name__,
)
async def test_a_change_hides_it_at_once(hall: Hall, visitor: Visitor, change: Any) -> None:
    job = await hall.hang()
    assert await is_shown(visitor, job)
    await change(hall, job)
    for door in (f"/p/{job.id}", f"/small/{job.id}/1.webp", f"/full/{job.id}/1.png"):
        assert (await visitor.get(door)).status == 404
    assert job.id not in (await visitor.get("/")).text


async def test_one_picture_is_shown_by_a_word_for_it_alone(hall: Hall, visitor: Visitor) -> None:
    job, other = await hall.hang(by=BO), await hall.hang(by=BO)
    await hall.choices.choose(job.id, is_shown=True)
    await visitor.gallery.keeper.turn()
    assert await is_shown(visitor, job) and not await is_shown(visitor, other)


async def test_what_was_made_from_something_private_is_private(hall: Hall, visitor: Visitor) -> None:
    for private in ({"by": BO}, {"spec": UPLOADED}, {"place": OTHERWHERE}):
        parent = await hall.hang(**private)
        spec = JobSpec(
            verb=Verb.VARY_SUBTLE,
            options=Options(prompt="x"),
            seed=1,
            count=1,
            source=CellRef(job_id=parent.id, cell=0),
        )
        child = await hall.hang(spec=spec)
        again = spec.model_copy(update={"source": CellRef(job_id=child.id, cell=0)})
        assert not await is_shown(visitor, child)
        assert not await is_shown(visitor, await hall.hang(spec=again))


async def test_what_was_made_from_something_deleted_is_private(hall: Hall, visitor: Visitor) -> None:
    parent = await hall.hang()
    source = CellRef(job_id=parent.id, cell=0)
    spec = JobSpec(verb=Verb.VARY_SUBTLE, options=Options(prompt="x"), seed=1, count=1, source=source)
    child = await hall.hang(spec=spec)
    assert await is_shown(visitor, child)
    await Retention(hall.database, hall.pictures).delete_job(parent.id)
    assert not await is_shown(visitor, child)


async def test_the_catalogue_follows_new_jobs_and_consent(hall: Hall) -> None:
    async with visiting(hall) as visitor:
        keeper, catalogue = visitor.gallery.keeper, visitor.gallery.catalogue
        assert len(catalogue) == 0
        mine, theirs = await hall.hang(), await hall.hang(by=BO)
        await keeper.turn()
        assert catalogue.ids == {mine.id}
        await hall.members.prefer(BO.id, AGREES)
        await keeper.turn()
        assert catalogue.ids == {mine.id, theirs.id}
        await hall.members.prefer(ADA.id, Preferences())
        await keeper.turn()
        assert catalogue.ids == {theirs.id} == {key[0] for key, _ in await traces_of(visitor)}


async def traces_of(visitor: Visitor) -> list[Any]:
    return await visitor.gallery.keeper._traces.vectors(("", -1), 100)


async def test_the_family_shows_only_who_may_be_seen(hall: Hall, visitor: Visitor) -> None:
    root = await hall.hang("a fox")
    source = CellRef(job_id=root.id, cell=0)
    spec = JobSpec(verb=Verb.VARY_STRONG, options=Options(prompt="a vixen"), seed=1, count=1, source=source)
    child, private = await hall.hang(spec=spec), await hall.hang(by=BO, spec=spec)
    page = (await visitor.get(f"/p/{child.id}")).text
    assert f"/p/{root.id}/1" in page and 'aria-current="page"' in page
    assert private.id not in page and "by bo" not in page
    assert len(await JobReads(hall.database).family(root.id)) == 3
