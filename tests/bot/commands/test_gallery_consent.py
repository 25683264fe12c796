"""Consent for the gallery: `/privacy gallery`, and what the bot notes of channels."""

from __future__ import annotations

import asyncio
from typing import Any

import discord

from bot.domain.model import Job
from bot.domain.moderation.publicity import is_public
from bot.store.gallery.candidates import Candidates
from bot.store.gallery.exhibits import ExhibitReads
from tests.bot.court import Court, eventually


async def public(court: Court, job: Job) -> bool:
    lines = await ExhibitReads(court.database).lines([job.id])
    return is_public(lines[job.id], court.now())


async def open_channels(court: Court) -> set[int]:
    return set((await Candidates(court.database).agreements()).channels)


async def noted(court: Court) -> None:
    """Let the bot look at its servers, as it does when something changes."""
    cog: Any = court.client.get_cog("OpenChannels")
    await asyncio.create_task(cog.on_ready(), context=court.context)


async def test_a_maker_shows_and_hides_theirs(court: Court) -> None:
    await noted(court)
    job, other = await court.imagine(court.ada), await court.imagine(court.bo)
    assert not await public(court, job)
    assert "in channels that everybody" in await court.say(court.ada, "privacy gallery", show=True)
    assert await public(court, job) and not await public(court, other)
    assert "does not show" in await court.say(court.ada, "privacy gallery", show=False)
    assert not await public(court, job)
    assert "The gallery shows" in await court.say(court.ada, "privacy gallery", show=True, job=job.id)
    assert await public(court, job)


async def test_moderators_hide_and_never_show(court: Court) -> None:
    await noted(court)
    await court.say(court.ada, "privacy gallery", show=True)
    job = await court.imagine(court.ada)
    assert "keeps this" in await court.say(court.mo, "privacy gallery", show=True, job=job.id)
    assert "nor what was made" in await court.say(court.mo, "privacy gallery", show=False, job=job.id)
    assert not await public(court, job)


async def test_a_channel_that_closes_takes_its_pictures_along(court: Court) -> None:
    await noted(court)
    await court.say(court.ada, "privacy gallery", show=True)
    job = await court.imagine(court.ada)
    assert await public(court, job) and court.channel.id in await open_channels(court)
    court.mark_age_restricted(court.channel)
    await noted(court)
    assert not await public(court, job) and court.channel.id not in await open_channels(court)
    later = await court.imagine(court.ada)
    assert later.reply.open_channel_id is None


async def test_a_message_deleted_in_discord_is_gone_here(court: Court) -> None:
    await noted(court)
    await court.say(court.ada, "privacy gallery", show=True)
    job = await court.imagine(court.ada)
    assert await public(court, job) and job.reply.message_id is not None
    place = court.client.get_channel(court.channel.id)
    assert isinstance(place, discord.TextChannel)
    message = place.get_partial_message(job.reply.message_id)
    await asyncio.create_task(message.delete(), context=court.context)
    shown = [True]

    async def look() -> None:
        shown[0] = await public(court, job)

    while shown[0]:
        await eventually(lambda: True)
        await look()
