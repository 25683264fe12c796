"""What the buttons under pictures do at once: show, fetch, cancel, recipe, time-lapse. Nothing new is drawn."""

from __future__ import annotations

import functools

import discord
from discord.abc import GuildChannel

from bot.commands.moderating import note
from bot.domain.access import may_derive
from bot.domain.model import Job, JobState, Place, Verdict
from bot.domain.moderation import verdict_in
from bot.errors import JobNotFound, NotAllowedHere
from bot.ui import asking, costs, recipes, texts
from bot.ui.answer import Answer, Pressed
from bot.ui.buttons import cell_view, recipe_view
from bot.ui.custom_ids import ButtonId
from bot.ui.darkroom import Parts
from bot.ui.page import Page, Upload


async def show(interaction: Pressed, pressed: ButtonId) -> None:
    """U: the kept cell at once, as a new message with all that can be done with it."""
    client, parts = interaction.client, interaction.client.parts
    async with Answer(interaction) as answer:
        place = asking.place_of(interaction)
        asking.preflight(place)
        job = await shown(interaction, pressed.job_id)
        cell = await parts.studio.cell(job.id, pressed.cell)
        picture = await parts.studio.picture(job.id, pressed.cell)
        url = interaction.message.jump_url if interaction.message else ""
        prices = costs.list_of(await parts.prices(job, cell))

        async def fitted(limit: int) -> Page:
            content, suffix = await parts.drawing.fitted(picture, limit)
            name = texts.file_name(job, suffix, cell.cell)
            upload = Upload(name, content, texts.alt_text(job, cell.cell), spoiler=job.spoiler)
            text = texts.cell_caption(job, cell, interaction.user.id, url, prices)
            return Page(text, (upload,), cell_view(job.id, cell.cell, client.offered, url))

        message_id = await answer.page(fitted, place.file_limit_bytes)
        if message_id is not None:
            await parts.jobs.posted(job.id, cell.cell, place.channel_id, message_id)


async def cancel(interaction: Pressed, pressed: ButtonId) -> None:
    """Cancel: by the owner or a moderator; the reply itself says the rest."""
    async with Answer(interaction, ephemeral=True) as answer:
        await end(interaction, answer, pressed.job_id)


async def end(interaction: Pressed, answer: Answer, job_id: str) -> None:
    """Stop a job, and say whether there was something to stop. Raises `NotTheOwner` and `JobNotFound`."""
    member = await asking.member_of(interaction)
    job = await interaction.client.parts.studio.cancel(job_id, member)
    if job.state is not JobState.CANCELLED:
        await answer.private("It was done already.")
        return
    await note(interaction.client, member, job, "cancel")
    await answer.private("Cancelled.")


async def fetch(interaction: Pressed, pressed: ButtonId) -> None:
    """Show the result: a fresh interaction where the reply can no longer be edited."""
    client = interaction.client
    async with Answer(interaction, ephemeral=True) as answer:
        job = await client.parts.jobs.get(pressed.job_id)
        if not job.state.is_showable:
            await answer.private(texts.NOT_SHOWN[job.state])
            return
        cells = await client.parts.jobs.cells(job.id)
        page = functools.partial(client.replies.results.page, job, cells)
        await answer.page(page, interaction.filesize_limit, is_private=True)


async def recipe(interaction: Pressed, pressed: ButtonId) -> None:
    """ℹ️: a private card with everything it takes to make the picture again."""
    client = interaction.client
    async with Answer(interaction, ephemeral=True) as answer:
        job = await client.parts.jobs.get(pressed.job_id)
        url, is_exact = await client.replies.results.parent_url(job), client.parts.settings.engine.deterministic
        await answer.private("", embed=recipes.card(job, url, is_exact=is_exact), view=recipe_view(job.id))


async def timelapse(interaction: Pressed, pressed: ButtonId) -> None:
    """⏱️: the reverse diffusion of the grid, from static to picture, as one animated WebP."""
    parts = interaction.client.parts
    async with Answer(interaction) as answer:
        place = asking.place_of(interaction)
        asking.preflight(place)
        job = await shown(interaction, pressed.job_id)
        frames = await parts.studio.frames(job.id)
        if not frames:
            await answer.private("No steps were kept of this one.")
            return
        pictures = [await parts.studio.picture(job.id, cell.cell) for cell in await parts.jobs.cells(job.id)]
        alt = f"How the pictures came out of the noise: {texts.alt_text(job)}"[: texts.ALT_LIMIT]
        url = interaction.message.jump_url if interaction.message else ""

        async def fitted(limit: int) -> Page:
            content = await parts.drawing.timelapse(frames, pictures, limit)
            upload = Upload(texts.file_name(job, "webp"), content, alt, spoiler=job.spoiler)
            return Page(f"⏱️ {texts.headline(job, url)}", (upload,))

        await answer.page(fitted, place.file_limit_bytes)


async def shown(interaction: Pressed, job_id: str) -> Job:
    """A job whose result may be seen here, hidden until clicked where the rules say so.

    Raises as `derivable`, `JobNotFound` for what is in review, kept back or deleted, and `NotAllowedHere`.
    """
    job = await derivable(interaction, job_id)
    return await visible(interaction.client.parts, job, asking.place_of(interaction))


async def visible(parts: Parts, job: Job, place: Place) -> Job:
    """The job as it may be shown in that place. Raises `JobNotFound` and `NotAllowedHere`."""
    cells = await parts.jobs.cells(job.id)
    if not job.state.is_showable or not (cells or job.captions):
        raise JobNotFound(job.id)
    rules = await parts.rules.get(place.rules_id)
    verdict = verdict_in(rules, job, cells, place)
    if verdict in (Verdict.REVIEW, Verdict.BLOCK):
        raise NotAllowedHere(f"this picture is only shown in <#{job.channel_id}>")
    return job.model_copy(update={"spoiler": verdict is Verdict.SPOILER})


def must_see(interaction: Pressed, job: Job) -> None:
    """Raises `NotAllowedHere` for what was made in a channel that whoever asks does not see."""
    if job.channel_id != interaction.channel_id and not _sees(interaction, job.channel_id):
        raise NotAllowedHere("it was made where you do not look")


def _sees(interaction: Pressed, channel_id: int) -> bool:
    channel, member = interaction.client.get_channel(channel_id), interaction.user
    if isinstance(channel, discord.Thread):
        channel = None if channel.is_private() else channel.parent
    if not isinstance(channel, GuildChannel) or not isinstance(member, discord.Member):
        return False
    return channel.guild.id == interaction.guild_id and channel.permissions_for(member).view_channel


async def derivable(interaction: Pressed, job_id: str) -> Job:
    """The job, when its owner lets this member derive from it. Raises `JobNotFound` and `NotYours`."""
    parts = interaction.client.parts
    job = await parts.jobs.get(job_id)
    preferences = await parts.members.preferences(job.member_id)
    may_derive(preferences, job, await asking.member_of(interaction))
    return job
