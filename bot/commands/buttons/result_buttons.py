"""What the buttons under pictures do at once: show, fetch, cancel, recipe, time-lapse. Nothing new is drawn."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Sequence

from bot.commands.buttons.reposts import Post, PostKind
from bot.commands.moderation.moderator_actions import note
from bot.domain.model import Cell, Job, JobState, Place
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting.richer import has_lists
from bot.errors import JobNotFound
from bot.ui.content import cost_texts, recipe_card, texts
from bot.ui.content.buttons import cell_view, offered_in, recipe_view
from bot.ui.content.custom_ids import ButtonId
from bot.ui.content.message_page import Page, Upload
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.permitted_jobs import permitted, shown, visible
from bot.ui.interactions.services import Darkroom


async def show(interaction: Pressed, pressed: ButtonId) -> None:
    """U: post one stored picture as a new message, with the buttons for one picture."""
    async with Answer(interaction) as answer:
        job = await shown(interaction, pressed.job_id)
        url = interaction.message.jump_url if interaction.message else ""
        place = place_of(interaction)
        page = await cell_page(interaction.client, job, pressed.cell, interaction.user.id, url, place)
        await Post(interaction, answer, job).send(page, PostKind.RESULT, pressed.cell)


async def cell_page(
    client: Darkroom, job: Job, index: int, asked_by: int, url: str, place: Place
) -> Callable[[int], Awaitable[Page]]:
    """Return what makes the message of one stored picture in at most so many bytes. Raises `CellNotFound`."""
    services = client.services
    cell = await services.job_service.cell(job.id, index)
    picture = await services.job_service.picture(job.id, index)
    prices = cost_texts.list_of(await services.prices(job, cell))
    offered = offered_in(client.offered, place)

    async def fitted(limit: int) -> Page:
        content, suffix = await services.drawing.fitted(picture, limit)
        name = texts.file_name(job, suffix, cell.cell)
        upload = Upload(name, content, texts.alt_text(job, cell.cell), spoiler=job.spoiler)
        text = texts.cell_caption(job, cell, asked_by, url, prices)
        return Page(text, (upload,), cell_view(job.id, cell.cell, offered, url))

    return fitted


async def cancel(interaction: Pressed, pressed: ButtonId) -> None:
    """Cancel the job, by its owner or a moderator; the job's reply shows the end."""
    async with Answer(interaction, ephemeral=True) as answer:
        await end(interaction, answer, pressed.job_id)


async def end(interaction: Pressed, answer: Answer, job_id: str) -> None:
    """Stop a job, and answer whether it was still under way. Raises `OwnersOnly` and `JobNotFound`."""
    await permitted(interaction, job_id, Deed.END)
    member = await member_of(interaction)
    job = await interaction.client.services.job_service.cancel(job_id, member)
    if job.state is not JobState.CANCELLED:
        await answer.private("It was done already.")
        return
    await note(interaction.client, member, job, "cancel", interaction_id=interaction.id)
    await answer.private("Cancelled.")


async def fetch(interaction: Pressed, pressed: ButtonId) -> None:
    """\"Show the result\": answer with the result when the first reply can no longer be edited."""
    client = interaction.client
    async with Answer(interaction, ephemeral=True) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.SEE)
        if not job.state.is_showable:
            await answer.private(texts.NOT_SHOWN[job.state])
            return
        job = await visible(client.services, job, place_of(interaction))
        cells = await client.services.jobs.cells(job.id)
        page = functools.partial(client.replies.results.page, job, cells)
        await answer.page(page, interaction.filesize_limit, is_private=True)


async def recipe(interaction: Pressed, pressed: ButtonId) -> None:
    """ℹ️: answer privately with the recipe: everything needed to make the picture again."""
    async with Answer(interaction, ephemeral=True) as answer:
        await tell_recipe(interaction, answer, pressed)


async def tell_recipe(interaction: Pressed, answer: Answer, pressed: ButtonId) -> None:
    """The recipe card of a job. Raises what `permitted` raises."""
    client = interaction.client
    job = await permitted(interaction, pressed.job_id, Deed.SEE)
    url, is_exact = await client.replies.results.parent_url(job), client.services.settings.engine.deterministic
    cells = await client.services.jobs.cells(job.id)
    one = await _meant(interaction, pressed, cells)
    is_owner, is_richer = job.member_id == interaction.user.id, await _is_richer(interaction)
    card = recipe_card.card(job, url, shown=cells, one=one, is_exact=is_exact, is_owner=is_owner)
    await answer.private("", embed=card, view=recipe_view(job.id, is_owner=is_owner, is_richer=is_richer))


async def _is_richer(interaction: Pressed) -> bool:
    """Whether this host has something that proposes richer words."""
    services = interaction.client.services
    if services.settings.engine.writer is not None:
        return True
    return services.wildcards is not None and has_lists(await services.wildcards.all())


async def _meant(interaction: Pressed, pressed: ButtonId, cells: Sequence[Cell]) -> Cell | None:
    """Return the picture whose button was pressed, or None under a grid, whose ids also name the first picture."""
    index: int | None = pressed.cell or None
    if interaction.message is not None and index is None:
        with contextlib.suppress(JobNotFound):
            index = (await interaction.client.services.jobs.at_message(interaction.message.id))[1]
    if index is None and len(cells) == 1:
        return cells[0]
    return next((cell for cell in cells if cell.cell == index), None)


async def timelapse(interaction: Pressed, pressed: ButtonId) -> None:
    """⏱️: the reverse diffusion of the grid, from static to picture, as one animated WebP."""
    services = interaction.client.services
    async with Answer(interaction) as answer:
        job = await shown(interaction, pressed.job_id)
        frames = await services.job_service.frames(job.id)
        if not frames:
            await answer.private("No steps were kept of this one.")
            return
        pictures = [await services.job_service.picture(job.id, cell.cell) for cell in await services.jobs.cells(job.id)]
        alt = f"How the pictures came out of the noise: {texts.alt_text(job)}"[: texts.ALT_LIMIT]
        url = interaction.message.jump_url if interaction.message else ""

        async def fitted(limit: int) -> Page:
            content = await services.drawing.timelapse(frames, pictures, limit)
            upload = Upload(texts.file_name(job, "webp"), content, alt, spoiler=job.spoiler)
            return Page(f"⏱️ {texts.headline(job, url)}", (upload,))

        await Post(interaction, answer, job).send(fitted, PostKind.EXTRACT)
