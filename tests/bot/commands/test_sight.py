"""Who may see or act on a job: everything that can be asked, by everybody who may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.domain.games.bluff import Bluff
from bot.domain.games.bluff_turn import Turn
from bot.domain.games.phases import Phase
from bot.domain.games.player import Player
from bot.domain.model import Job, JobState, Member, Place
from bot.domain.rounds.round import Round
from engine.events import Finished, GeneratedImage, Safety
from tests.bot.court import Court
from tests.bot.scripted import COLOURS, png, webp
from tests.bot.walk import COMMANDS, COMPLETED, PUSHED, Walker, not_walked, told
from tests.bot.world import eventually

WORDS = "a xylophone at dawn"
UNKNOWN = "zzzzzzzzzz"
FOR_MODERATORS = ("mod", "quota", "stats")


@dataclass
class Secret:
    """A picture of ada's in a channel that she and cal see."""

    job: Job
    channel: Any
    grid: Any
    cal: Any
    vote: Round


@pytest.fixture
async def secret(court: Court) -> Secret:
    hidden, shown = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
    cal = court.guild.add_member(court.env.create_user("cal"))
    overwrites = {court.guild.default_role: hidden, court.ada: shown, cal: shown, court.env.bot.user: shown}
    channel = court.guild.create_text_channel("secret", overwrites=overwrites)
    await court.ada.slash(channel, "imagine", prompt=WORDS)
    stream = await court.engine.stream(court.drawn)
    court.drawn += 1
    images = tuple(GeneratedImage(png(colour), 64, 64, number, Safety(0.01)) for number, colour in enumerate(COLOURS))
    stream.post(Finished(images=images, gpu_ms=800.0, frames=(webp("grey"), webp("red"))))
    (job,) = await court.jobs.active()
    await court.job_service.wait(job.id)
    host, place = Member(id=court.ada.id, name="ada"), Place(guild_id=court.guild.id, channel_id=channel.id)
    vote = Round(
        id="5ec2e7", host=host, place=place, job_id=job.id, slots=4, seed=1,
        due_at=court.now() + timedelta(days=1), duration_s=86400.0, created_at=court.now(),
    )  # fmt: skip
    opened = await court.rounds.open(vote)
    await court.games.open(played(court, host, place))
    return Secret(await court.jobs.get(job.id), channel, channel.history()[0], cal, opened)


def played(court: Court, host: Member, place: Place) -> Bluff:
    """A game in that channel under the vote's id, whose secret are the same words."""
    return Bluff(
        id="5ec2e7", host=host, place=place, players=(Player(member=host),), seed=1, created_at=court.now(),
        closes_at=court.now() + timedelta(days=1), phase=Phase.FAKE, stage=1, shown=1,
        turn=Turn(number=0, teller=host.id, secret=WORDS),
    )  # fmt: skip


def elsewhere(court: Court, **permissions: bool) -> tuple[Any, Any]:
    """A member of another server, and its channel."""
    guild = court.env.create_guild("Elsewhere")
    channel = guild.create_text_channel("pictures")
    role = guild.create_role("some", permissions=discord.Permissions(view_channel=True, **permissions))
    return guild.add_member(court.env.create_user("visitor"), roles=[role]), channel


PERSONS: dict[str, Callable[[Court], tuple[Any, Any]]] = {
    "a stranger of another server": elsewhere,
    "a moderator of another server": lambda court: elsewhere(court, manage_guild=True),
    "a member without the channel": lambda court: (court.bo, court.channel),
}


async def show_commands(court: Court, actor: Any) -> None:
    """Let somebody try moderators' commands too, as a server's settings can."""
    listed = {command.name: command for command in await court.client.tree.fetch_commands()}
    for name in FOR_MODERATORS:
        actor.guild.set_command_permissions(listed[name].id, {actor: True})


async def unharmed(court: Court, secret: Secret) -> bool:
    """Whether the job is as it was, and nothing was made of it."""
    as_it_was = await court.jobs.get(secret.job.id) == secret.job and len(await court.jobs.cells(secret.job.id)) == 4
    as_it_was = as_it_was and await court.rounds.get(secret.vote.id) == secret.vote
    return as_it_was and await court.jobs.children(secret.job.id) == [] and len(secret.channel.history()) == 1


async def test_nothing_can_be_done_that_no_step_here_tries(court: Court) -> None:
    assert not_walked(court.client) == set()


@pytest.mark.parametrize("person", PERSONS)
async def test_who_has_an_id_and_no_right_learns_nothing(court: Court, secret: Secret, person: str) -> None:
    actor, channel = PERSONS[person](court)
    await show_commands(court, actor)
    walker = Walker(court, actor, channel, secret.job.id, secret.vote.id)
    stranger = replace(walker, job_id=UNKNOWN, round_id=UNKNOWN)
    for name, step in (COMMANDS | PUSHED).items():
        heard, of_nothing = await told(await step(walker)), await told(await step(stranger))
        assert WORDS not in heard and f"<@{court.ada.id}>" not in heard, name
        assert heard.replace(secret.job.id, UNKNOWN) == of_nothing, name
    for option in COMPLETED:
        command, _, field = option.rpartition(" ")
        assert await actor.autocomplete(channel, command, field, "") == [], option
    assert all(WORDS not in message.content for message in channel.history())
    assert await unharmed(court, secret)


async def test_who_is_banned_where_they_see_it_posts_nothing(court: Court, secret: Secret) -> None:
    await court.say(court.mo, "mod ban", member=secret.cal, reason="spam")
    await show_commands(court, secret.cal)
    walker, files = Walker(court, secret.cal, secret.channel, secret.job.id, secret.vote.id), stored(court)
    forged = 0
    for name, step in (COMMANDS | PUSHED).items():
        before = {message.id for message in public(secret)}
        result = await step(walker)
        new = [message for message in public(secret) if message.id not in before and message.content != "here"]
        forged += len(public(secret)) - len(before) - len(new)
        assert not new, name
        assert result.modal is not None or (result.response is not None and result.response.ephemeral), name
    assert forged and await court.jobs.children(secret.job.id) == []
    assert await court.jobs.get(secret.job.id) == secret.job and stored(court) == files
    assert await court.rounds.get(secret.vote.id) == secret.vote
    await secret.cal.react(secret.grid, "❌")
    assert await court.jobs.get(secret.job.id) == secret.job and len(await court.jobs.cells(secret.job.id)) == 4


def public(secret: Secret) -> list[discord.Message]:
    return [message for message in secret.channel.history() if not message.flags.ephemeral]


def stored(court: Court) -> list[str]:
    return sorted(path.name for path in (court.folder / "pictures").rglob("*") if path.is_file())


@pytest.mark.parametrize("who", ["ada", "cal"])
async def test_of_what_was_deleted_nobody_learns_anything(court: Court, secret: Secret, who: str) -> None:
    await court.ada.slash(secret.channel, "privacy delete", confirm="delete everything")
    assert public(secret) == [] and stored(court) == []
    actor = court.ada if who == "ada" else secret.cal
    await show_commands(court, actor)
    walker = Walker(court, actor, secret.channel, secret.job.id, secret.vote.id)
    stranger = replace(walker, job_id=UNKNOWN, round_id=UNKNOWN)
    for name, step in (COMMANDS | PUSHED).items():
        heard, of_nothing = await told(await step(walker)), await told(await step(stranger))
        assert WORDS not in heard, name
        if name != "privacy export":  # what was used is still counted, and time goes by
            assert heard.replace(secret.job.id, UNKNOWN) == of_nothing, name
    assert await court.jobs.active() == [] and stored(court) == []


async def test_who_sees_the_channel_sees_the_job_and_stops_nothing(court: Court, secret: Secret) -> None:
    for name in ("show", "lineage"):
        shown = await secret.cal.slash(secret.channel, name, job=secret.job.id)
        assert shown.response is not None and not shown.response.ephemeral and WORDS in await told(shown)
    await court.ada.slash(secret.channel, "imagine", prompt=WORDS)
    live = (await court.jobs.active())[0]
    by_button = await secret.cal.click(public(secret)[-1], label="Cancel")
    by_id = await secret.cal.slash(secret.channel, "cancel", job=live.id)
    assert by_button.response is not None and f"Only <@{court.ada.id}>" in by_button.response.content
    assert by_id.response is not None and "do not have that picture" in by_id.response.content
    assert (await court.jobs.get(live.id)).state in (JobState.QUEUED, JobState.RUNNING)


async def test_what_was_posted_where_all_see_it_is_known_to_all(court: Court, secret: Secret) -> None:
    assert "do not have" in await court.say(court.bo, "show", job=secret.job.id)
    posted = await court.ada.slash(court.channel, "show", job=secret.job.id)
    assert posted.response is not None and not posted.response.ephemeral
    cell = await court.bo.click(posted.response, label="U1")
    assert cell.response is not None and not cell.response.ephemeral
    await eventually(lambda: len(court.messages) == 2)
