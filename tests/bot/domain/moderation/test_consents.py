"""Who may make something of whose picture: the picture's own word, its owner's, the server's, and who was granted."""

from __future__ import annotations

import pytest

from bot.domain.model import CellRef, Job, JobSpec, Member, Options, Preferences, Share, Verb
from bot.domain.moderation.consents import Consents, Stance
from bot.domain.moderation.guild_rules import GuildRules
from bot.errors import JobNotFound
from tests.bot.scripted import a_job

FRIEND = Member(id=1, name="friend", role_ids=(8,), guild_id=5)
MODERATOR = Member(id=2, name="mo", guild_id=5, is_moderator=True)
OWNER = Member(id=9, name="owner", guild_id=5)


class Granted:
    """Owner 9 always lets member 1."""

    async def allows(self, owner_id: int, member_id: int) -> bool:
        return (owner_id, member_id) == (9, 1)


class Nobody:
    async def allows(self, owner_id: int, member_id: int) -> bool:
        return False


def consents(
    preferences: Preferences | None = None, server: str = "all", *, granted: bool = False, jobs: tuple[Job, ...] = ()
) -> Consents:
    async def preferred(member_id: int) -> Preferences:
        return preferences or Preferences()

    async def rules(guild_id: int) -> GuildRules:
        return GuildRules.model_validate({"guild_id": guild_id, "share": server})

    async def job(job_id: str) -> Job:
        found = {one.id: one for one in jobs}
        if job_id not in found:
            raise JobNotFound(job_id)
        return found[job_id]

    return Consents(preferred, rules, job, Granted() if granted else Nobody())


@pytest.mark.parametrize(
    ("preferences", "by", "stance"),
    [
        (Preferences(share="all"), FRIEND, Stance.YES),
        (Preferences(share="ask"), FRIEND, Stance.ASK),
        (Preferences(share="me"), FRIEND, Stance.NO),
        (Preferences(share="me"), OWNER, Stance.YES),
        (Preferences(share="me"), MODERATOR, Stance.YES),
        (Preferences(share="me"), MODERATOR.model_copy(update={"guild_id": 6}), Stance.NO),
        (Preferences(share="me"), MODERATOR.model_copy(update={"guild_id": None}), Stance.NO),
        (Preferences(share="role", share_role=8), FRIEND, Stance.YES),
        (Preferences(share="role", share_role=7), FRIEND, Stance.NO),
        (Preferences(share="role"), FRIEND, Stance.NO),
    ],
)
async def test_the_owner_says_who_may(preferences: Preferences, by: Member, stance: Stance) -> None:
    assert await consents(preferences, server="ask").of(a_job(member_id=9, guild_id=5), by) is stance


@pytest.mark.parametrize(("server", "stance"), [("all", Stance.YES), ("ask", Stance.ASK), ("me", Stance.NO)])
async def test_where_the_owner_said_nothing_the_server_does(server: str, stance: Stance) -> None:
    assert await consents(server=server).of(a_job(member_id=9, guild_id=5), FRIEND) is stance


@pytest.mark.parametrize(("share", "stance"), [("all", Stance.YES), ("ask", Stance.ASK), ("me", Stance.NO)])
async def test_what_was_said_of_one_picture_counts_first(share: Share, stance: Stance) -> None:
    owned = a_job(member_id=9, guild_id=5, share=share)
    for other in ("all", "me"):
        assert await consents(Preferences.model_validate({"share": other})).of(owned, FRIEND) is stance


@pytest.mark.parametrize(("share", "stance"), [("ask", Stance.YES), ("me", Stance.NO), ("all", Stance.YES)])
async def test_always_is_an_answer_and_no_key(share: Share, stance: Stance) -> None:
    assert await consents(Preferences(share=share), granted=True).of(a_job(member_id=9, guild_id=5), FRIEND) is stance


@pytest.mark.parametrize(("share", "stance"), [("all", Stance.ASK), (None, Stance.ASK), ("me", Stance.NO)])
async def test_for_an_upload_its_poster_is_always_asked(share: Share | None, stance: Stance) -> None:
    for by in (FRIEND, MODERATOR):
        assert await consents(Preferences(share=share)).of_poster(9, by) is stance
    assert await consents(Preferences(share=share)).of_poster(9, OWNER) is Stance.YES
    assert await consents(Preferences(share="ask"), granted=True).of_poster(9, FRIEND) is Stance.YES


async def test_the_owners_of_all_it_is_made_from_are_needed() -> None:
    theirs = a_job(id="theirs", member_id=9, guild_id=5, share="ask")
    others = a_job(id="others", member_id=7, guild_id=5, share="me")
    own = a_job(id="own", member_id=FRIEND.id, guild_id=5, share="me")
    spec = JobSpec(
        verb=Verb.VARY_STRONG, options=Options(prompt="x"), seed=1, source=CellRef(job_id="theirs", cell=1),
        parent_id="others", origin=CellRef(job_id="own", cell=0), poster_id=9,
    )  # fmt: skip
    needed = await consents(jobs=(theirs, others, own)).needed(spec, FRIEND)
    assert [(each.owner_id, each.stance) for each in needed] == [(7, Stance.NO), (9, Stance.ASK)]
    gone = spec.model_copy(update={"poster_id": None})
    assert await consents().needed(gone, FRIEND) == [], "for what is deleted nobody is asked"
