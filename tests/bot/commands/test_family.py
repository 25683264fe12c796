"""Branch and Family under every picture: credit by hand, a sheet to walk, and what it tells to whom."""

from __future__ import annotations

from typing import Any

import discord

from bot.domain.model import Job
from tests.bot.court import Court, said


async def branched(
    court: Court, job: Job, *, credit: str = "the colours", prompt: str = "a red fox in the rain"
) -> Job:
    """bo branches from the first picture of ada's job."""
    grid = court.message(job.reply.message_id or 0)
    one = await court.bo.click(grid, label="U1")
    form = await court.bo.click(one.response, label="Branch")
    fields = {"prompt": prompt, "strength": "0.4", "credit": credit}
    asked = await court.bo.submit_modal(form, fields)
    assert asked.response is not None and not asked.response.ephemeral, asked.response
    return await court.draw()


def shown(court: Court, job: Job) -> Any:
    return court.message(job.reply.message_id or 0)


async def test_a_branch_names_its_source_and_what_was_liked(court: Court) -> None:
    job = await court.imagine(court.ada)
    made = await branched(court, job)
    assert (made.parent_id, made.parent_cell, made.spec.options.strength) == (job.id, 0, 0.4)
    text = shown(court, made).content
    assert f"-# 🌿 From a picture by <@{court.ada.id}>: “the colours”" in text and "from this picture" in text
    again = await court.bo.click(shown(court, made), custom_id=f"dr:r:{made.id}:0")
    assert again.response is not None
    redrawn = await court.draw()
    assert redrawn.spec.credit == "" and f"From a picture by <@{court.ada.id}>" in shown(court, redrawn).content


async def test_the_form_leaves_out_what_was_of_that_run_alone(court: Court) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="a fox --relax --seed 4 --ar 3:2")
    one = await court.bo.click(shown(court, await court.draw()), label="U1")
    form = await court.bo.click(one.response, label="Branch")
    said_first = str(form.modal)
    assert "a fox --ar 3:2" in said_first and "--relax" not in said_first and "--seed" not in said_first


async def test_a_line_of_credit_obeys_the_rules_for_words(court: Court) -> None:
    await court.say(court.mo, "mod words add", pattern="rubbish", kind="word", label="manners")
    job = await court.imagine(court.ada)
    one = await court.bo.click(shown(court, job), label="U1")
    for fields, why in (
        ({"prompt": "a fox", "strength": "0.4", "credit": "what rubbish"}, "manners"),
        ({"prompt": "a fox", "strength": "much", "credit": ""}, "a number above 0"),
    ):
        form = await court.bo.click(one.response, label="Branch")
        assert why in said(await court.bo.submit_modal(form, fields))
    assert await court.jobs.children(job.id) == []


async def test_the_family_can_be_walked_and_branched_from(court: Court) -> None:
    job = await court.imagine(court.ada)
    made = await branched(court, job)
    sheet = await court.ada.click(shown(court, job), label="Family")
    assert sheet.response is not None and sheet.response.ephemeral
    text, [file] = sheet.response.content, sheet.response.attachments
    assert f"1. imagined by <@{court.ada.id}> (this one)" in text
    assert f"2. variations by <@{court.bo.id}> + in the rain strength 0.4 “the colours”" in text
    assert file.filename == f"darkroom-{job.id}-family.webp" and "1. imagined by ada" in (file.description or "")
    walked = await court.ada.select(sheet.response, [made.id], custom_id=f"dr-kin:{job.id}")
    assert walked.response is not None and f"by <@{court.bo.id}> (this one)" in walked.response.content
    assert "Branch from 2" in str(walked.response.components)
    form = await court.ada.click(walked.response, label="Branch from 2")
    back = await court.ada.submit_modal(form, {"prompt": "a red fox", "strength": "0.5", "credit": ""})
    assert back.response is not None
    last = await court.draw()
    assert f"From a picture by <@{court.bo.id}>" in shown(court, last).content, "ada's own pictures name others only"


async def test_who_withdrew_is_named_and_their_picture_not_shown(court: Court) -> None:
    job = await court.imagine(court.ada)
    made = await branched(court, job)
    await court.say(court.ada, "privacy consent", share="me")
    sheet = await court.bo.click(shown(court, made), label="Family")
    assert sheet.response is not None
    assert "withdrawn" in (sheet.response.attachments[0].description or "")
    assert court.message(made.reply.message_id or 0).attachments, "what was made stays"
    grid = shown(court, job)
    assert "keeps this to themselves" in said(await court.bo.click(grid, label="V2"))
    redrawn = await court.bo.click(shown(court, made), custom_id=f"dr:r:{made.id}:0")
    assert "keeps this to themselves" in said(redrawn), "it would be made from that picture again"


async def test_of_relatives_in_hidden_channels_nothing_is_told(court: Court) -> None:
    hidden, seen = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
    overwrites = {court.guild.default_role: hidden, court.ada: seen, court.env.bot.user: seen}
    secret = court.guild.create_text_channel("secret", overwrites=overwrites)
    job = await court.imagine(court.ada)
    await court.ada.slash(secret, "show", job=job.id)
    grid = secret.history()[0]
    varied = await court.ada.click(grid, label="V1")
    assert varied.response is not None
    made = await court.draw()
    assert made.channel_id == secret.id
    sheet = await court.bo.click(shown(court, job), label="Family")
    assert sheet.response is not None and "2. variations; you cannot see this one" in sheet.response.content
    assert made.id not in str(sheet.response.components)
