"""What is shown again keeps the rules of the place, and is deleted with what it shows."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.domain.model import Job
from bot.errors import JobNotFound
from bot.store.schema import jobs
from bot.ui.content.custom_ids import FormKind
from engine.events import Finished, GeneratedImage, Safety
from tests.bot.court import Court, said
from tests.bot.scripted import COLOURS, png, webp
from tests.bot.walk import Walker
from tests.bot.world import eventually


async def with_frames(court: Court, actor: Any, prompt: str = "a red fox") -> Job:
    """A finished job with a time-lapse."""
    await actor.slash(court.channel, "imagine", prompt=prompt)
    stream = await court.engine.stream(court.drawn)
    court.drawn += 1
    images = tuple(GeneratedImage(png(colour), 64, 64, number, Safety(0.01)) for number, colour in enumerate(COLOURS))
    stream.post(Finished(images=images, gpu_ms=800.0, frames=(webp("grey"), webp("red"))))
    (job,) = await court.jobs.active()
    return await court.job_service.wait(job.id)


async def shown_again(court: Court, actor: Any, job: Job, channel: Any) -> dict[str, Any]:
    """The answers of everything that shows a job once more."""
    again = await actor.slash(channel, "show", job=job.id)
    assert again.response is not None
    return {
        "show": again,
        "lineage": await actor.slash(channel, "lineage", job=job.id),
        "U": await actor.click(again.response, label="U1"),
        "time-lapse": await actor.click(again.response, label="Time-lapse"),
    }


RULES = {
    "banned": ("mod ban", {"reason": "spam"}, "spam"),
    "paused": ("mod pause", {"reason": "new card"}, "paused"),
    "denied": ("mod channel deny", {}, "switched off"),
    "word": ("mod words add", {"pattern": "fox", "label": "foxes"}, "foxes"),
    "size": ("mod channel limits", {"max_side": 64, "models": "sdxl"}, "sdxl"),
}


@pytest.mark.parametrize("rule", RULES)
async def test_what_this_place_denies_is_for_whoever_asked_alone(court: Court, rule: str) -> None:
    job = await with_frames(court, court.ada)
    attic = court.guild.create_text_channel("attic")
    command, options, why = RULES[rule]
    more = {"banned": {"member": court.bo}, "denied": {"channel": attic}, "size": {"channel": attic}}
    await court.say(court.mo, command, **options, **more.get(rule, {}))
    for name, answer in (await shown_again(court, court.bo, job, attic)).items():
        text = said(answer)
        assert "Only you see this." in text and why in text, name
        assert answer.response.attachments, name
    assert [message for message in attic.history() if not message.flags.ephemeral] == []


async def test_a_relative_whose_words_are_denied_stands_bare(court: Court) -> None:
    parent = await court.imagine(court.ada, "a gory fox")
    await court.bo.click(court.messages[-1], custom_id=f"dr:r:{parent.id}:0")
    child = await court.draw()
    child = await renamed(court, child)
    await court.say(court.mo, "mod words add", pattern="gory", label="gore")
    tree = await court.bo.slash(court.channel, "lineage", job=child.id)
    assert tree.response is not None and not tree.response.ephemeral
    assert "gory" not in str(tree.response.attachments[0].description)


async def renamed(court: Court, job: Job) -> Job:
    """The same job as if its member had asked for harmless words in remix mode."""
    spec = job.spec.model_copy(update={"options": job.spec.options.model_copy(update={"prompt": "a fox"})})
    async with court.database.write() as connection:
        await connection.execute(jobs.update().where(jobs.c.id == job.id).values(spec=spec.model_dump_json()))
    return await court.jobs.get(job.id)


async def test_the_cross_takes_a_time_lapse_or_tree_not_the_job(court: Court) -> None:
    job = await with_frames(court, court.ada)
    grid = court.messages[-1]
    lapse = await court.bo.click(grid, label="Time-lapse")
    tree = await court.bo.slash(court.channel, "lineage", job=job.id)
    for shown in (lapse, tree):
        assert shown.response is not None
        post = shown.response.message
        await court.bo.react(post, "❌")  # whose pictures it shows says so, not who asked for it
        assert any(message.id == post.id for message in court.messages)
        await court.ada.react(post, "❌")
        assert all(message.id != post.id for message in court.messages)
    assert len(court.messages) == 1 and len(await court.jobs.cells(job.id)) == 4


@pytest.mark.parametrize("how", ["cross", "moderator", "privacy"])
async def test_nothing_that_shows_it_stands_after_it_was_deleted(court: Court, how: str) -> None:
    job = await with_frames(court, court.ada)
    grid = court.messages[-1]
    await court.bo.click(grid, label="V1")
    child = await court.draw()
    attic = court.guild.create_text_channel("attic")
    await court.bo.click(grid, label="U2")
    await court.bo.click(grid, label="Time-lapse")
    await court.bo.slash(attic, "show", job=job.id)
    await court.bo.slash(attic, "lineage", job=child.id)  # ada's picture stands in the tree of bo's
    assert len(court.messages) == 4 and len(attic.history()) == 2
    match how:
        case "cross":
            await court.ada.react(grid, "❌")
        case "moderator":
            assert "1 deleted" in await court.say(court.mo, "mod delete", job=job.id)
        case _:
            assert "1 jobs" in await court.say(court.ada, "privacy delete", confirm="delete everything")
    await eventually(lambda: len(court.messages) == 1 and attic.history() == [])
    assert child.id in court.messages[0].attachments[0].filename


async def test_consent_does_not_end_with_the_one_who_could_give_it(court: Court) -> None:
    await court.imagine(court.ada)
    post = (await court.ada.click(court.messages[-1], label="U1")).response
    assert post is not None
    attic = court.guild.create_text_channel("attic")
    forwarded = await court.bo.forward(post, attic)
    await court.say(court.ada, "privacy consent", share="me")
    assert "keeps this" in said(await court.bo.context_menu(attic, "Darkroom: vary", forwarded))
    await court.say(court.ada, "privacy consent", share="all")
    allowed = await court.bo.context_menu(attic, "Darkroom: describe", forwarded)
    assert allowed.response is not None and not allowed.response.ephemeral
    await court.draw()
    await court.say(court.ada, "privacy delete", confirm="delete everything")
    for name in ("Darkroom: vary", "Darkroom: upscale", "Darkroom: describe"):
        assert "do not have" in said(await court.bo.context_menu(attic, name, forwarded))
    with pytest.raises(JobNotFound):
        await court.jobs.at_message(post.id)


async def test_a_menu_reads_no_channel_but_its_own(court: Court) -> None:
    hidden, shown = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
    overwrites = {court.guild.default_role: hidden, court.mo: shown, court.env.bot.user: shown}
    secret = court.guild.create_text_channel("secret", overwrites=overwrites)
    photo = await court.mo.send(secret, "mine", attachments=[("a.png", png("red"))])
    walker = Walker(court, court.bo, court.channel, "", "")
    assert "use the menu again" in said(await walker.submit(FormKind.MENU, f"{secret.id}:{photo.id}"))
    assert await court.jobs.active() == []
