"""What the buttons under pictures do at once: show, fetch, cancel, recipe, time-lapse. Nothing new is drawn."""

from __future__ import annotations

from bot.commands.moderating import note
from bot.domain.access import may_derive
from bot.domain.model import Job, JobState
from bot.errors import JobNotFound
from bot.ui import asking, costs, recipes, texts
from bot.ui.answer import Answer, Pressed
from bot.ui.buttons import cell_view, recipe_view
from bot.ui.custom_ids import ButtonId
from bot.ui.page import Page, Upload

SHOWABLE = (JobState.RENDERED, JobState.DELIVERED)
"""Stored and cleared for showing; in review or kept back is neither."""


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
        member = await asking.member_of(interaction)
        job = await interaction.client.parts.studio.cancel(pressed.job_id, member)
        await note(interaction.client, member, job, "cancel")
        await answer.private("Cancelled." if job.state is JobState.CANCELLED else "It was done already.")


async def fetch(interaction: Pressed, pressed: ButtonId) -> None:
    """Show the result: a fresh interaction where the reply can no longer be edited."""
    client = interaction.client
    async with Answer(interaction, ephemeral=True) as answer:
        job = await client.parts.jobs.get(pressed.job_id)
        if job.state not in SHOWABLE:
            await answer.private(texts.NOT_SHOWN[job.state])
            return
        cells = await client.parts.jobs.cells(job.id)
        page = await client.replies.results.page(job, cells, interaction.filesize_limit)
        await answer.private(page.text, view=page.view, files=page.files())


async def recipe(interaction: Pressed, pressed: ButtonId) -> None:
    """ℹ️: a private card with everything it takes to make the picture again."""
    client = interaction.client
    async with Answer(interaction, ephemeral=True) as answer:
        job = await client.parts.jobs.get(pressed.job_id)
        url = await client.replies.results.parent_url(job)
        await answer.private("", embed=recipes.card(job, url), view=recipe_view(job.id))


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
        content = await parts.drawing.timelapse(frames, place.file_limit_bytes)
        alt = f"How the pictures came out of the noise: {texts.alt_text(job)}"[: texts.ALT_LIMIT]
        upload = Upload(texts.file_name(job, "webp"), content, alt, spoiler=job.spoiler)
        url = interaction.message.jump_url if interaction.message else ""
        await answer.public(f"⏱️ {texts.headline(job, url)}", files=[upload.file()])


async def shown(interaction: Pressed, job_id: str) -> Job:
    """A job whose result may be seen: neither in review nor kept back. Raises as `derivable`."""
    job = await derivable(interaction, job_id)
    if job.state not in SHOWABLE:
        raise JobNotFound(job_id)
    return job


async def derivable(interaction: Pressed, job_id: str) -> Job:
    """The job, when its owner lets this member derive from it. Raises `JobNotFound` and `NotYours`."""
    parts = interaction.client.parts
    job = await parts.jobs.get(job_id)
    preferences = await parts.members.preferences(job.member_id)
    may_derive(preferences, job, await asking.member_of(interaction))
    return job
