"""Jobs under way and done: `/queue`, `/cancel`, `/show`, `/info`."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass

import discord
from discord import app_commands
from discord.app_commands import Choice, locale_str
from discord.ext import commands
from discord.utils import format_dt

from bot.commands.buttons.reposts import Post, PostKind
from bot.commands.buttons.result_buttons import end
from bot.domain.model import CellRef, Job
from bot.domain.moderation.job_access import Deed
from bot.domain.ports import PutOff, Shown
from bot.domain.prompting.prompt import shorten
from bot.errors import CellNotFound, FileLimitTooSmall, JobNotFound, NotAllowedHere, OwnersOnly
from bot.ui.content import texts
from bot.ui.content.message_page import Upload
from bot.ui.content.quota_texts import use_line
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.permitted_jobs import is_known, permitted, shown, visible
from bot.ui.pictures.compositing import contact_sheet
from engine import Progress, Queued

LISTED = 10
SHEET = 25
_ECHO = 60
_OWN_ECHO = 40


class Jobs(commands.Cog):
    """The queue, cancelling, and one's own results."""

    info = everywhere(
        app_commands.Group(name="info", description=locale_str("Your pictures, your favourites, what you used"))
    )

    @app_commands.command(name="queue", description=locale_str("What is waiting and running here"))
    @everywhere
    async def queue(self, interaction: Pressed) -> None:
        """Show the queue of this server, or one's own jobs elsewhere."""
        async with Answer(interaction, ephemeral=True) as answer:
            member_id = None if interaction.guild_id is not None else interaction.user.id
            jobs = await interaction.client.services.jobs.active(member_id, interaction.guild_id)
            if not jobs:
                await answer.private("Nothing is waiting. Your turn: `/imagine`")
                return
            lines = [await self._entry(interaction, job) for job in jobs[:LISTED]]
            if len(jobs) > LISTED:
                lines.append(f"… and {len(jobs) - LISTED} more")
            await answer.private("\n".join(lines))

    async def _entry(self, interaction: Pressed, job: Job) -> str:
        """One's own job with its words; others' with their name, where one is told of them."""
        heard = interaction.client.replies.newest(job.id)
        if job.member_id == interaction.user.id or await is_known(interaction, job):
            return _line(job, heard, own=job.member_id == interaction.user.id)
        return _since(job, heard)

    @app_commands.command(name="cancel", description=locale_str("Stop one of your jobs"))
    @app_commands.describe(job=locale_str("Which one; without it the newest"))
    @everywhere
    async def cancel(self, interaction: Pressed, job: str | None = None) -> None:
        """Stop the given job, or the newest of one's own."""
        async with Answer(interaction, ephemeral=True) as answer:
            job_id = job.strip() if job else await self._newest(interaction)
            if job_id is None:
                await answer.private("Nothing of yours is waiting or running.")
                return
            # Done twice, it would stop the next one too.
            await interaction.client.answer_tracker.settle(interaction, {"job": job_id})
            try:
                await end(interaction, answer, job_id)
            except OwnersOnly as error:
                # Whoever types an id learns of nothing: not that there is such a job either.
                raise JobNotFound(job_id) from error

    @cancel.autocomplete("job")
    async def own(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """One's own jobs under way."""
        jobs = await interaction.client.services.jobs.active(interaction.user.id)
        return [_choice(job) for job in jobs if typed in f"{job.id} {job.spec.options.prompt}"][:25]

    @app_commands.command(name="show", description=locale_str("Show an earlier job again, with live buttons"))
    @app_commands.describe(job=locale_str("The job's id"))
    @everywhere
    async def show(self, interaction: Pressed, job: str) -> None:
        """Post a stored result again, also after its message was deleted."""
        client = interaction.client
        async with Answer(interaction) as answer:
            found = await shown(interaction, job.strip())
            cells = await client.services.jobs.cells(found.id)
            page = functools.partial(client.replies.results.page, found, cells)
            await Post(interaction, answer, found).send(page, PostKind.RESULT)

    @show.autocomplete("job")
    async def earlier(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """One's own newest jobs."""
        return await own_newest(interaction, typed)

    @info.command(name="me", description=locale_str("Your newest pictures and what you used"))
    async def me(self, interaction: Pressed) -> None:
        """Show one's own newest jobs and what is left of the quota."""
        services = interaction.client.services
        async with Answer(interaction, ephemeral=True) as answer:
            member = await member_of(interaction)
            jobs = await services.jobs.recent(member.id, LISTED)
            uses = await services.quotas.uses(member, place_of(interaction), services.clock())
            used = [use_line(use) for use in uses] or ["No limit counts here."]
            shown = [found for job in jobs if (found := await _favourite(interaction, CellRef(job_id=job.id, cell=0)))]
            numbers = {one.ref.job_id: number for number, one in enumerate(shown, 1)}
            lines = [_own_line(job, numbers.get(job.id)) for job in jobs] or ["No pictures yet."]
            text = "\n".join([*used, "", *lines]).strip()
            while len(text) > texts.MESSAGE_LIMIT:
                text = text[: text.rindex("\n")]
            alt = f"Your newest {len(shown)} results, numbered left to right, top to bottom"
            await answer.private(text, files=await _sheet(interaction, shown, "darkroom-newest.webp", alt))

    @info.command(name="favourites", description=locale_str("The pictures you marked with a star"))
    async def favourites(self, interaction: Pressed) -> None:
        """Show a contact sheet of the pictures marked with ⭐."""
        services = interaction.client.services
        async with Answer(interaction, ephemeral=True) as answer:
            marked = [
                found
                for ref in await services.members.favourites(interaction.user.id, SHEET)
                if (found := await _favourite(interaction, ref))
            ]
            if not marked:
                await answer.private("None yet. React with ⭐ to a picture you like.")
                return
            names = "\n".join(
                f"{n}. `/show {one.ref.job_id}`, picture {one.ref.cell + 1}" for n, one in enumerate(marked, 1)
            )
            alt = f"{len(marked)} favourite pictures, numbered left to right, top to bottom"
            await answer.private(names, files=await _sheet(interaction, marked, "darkroom-favourites.webp", alt))

    async def _newest(self, interaction: Pressed) -> str | None:
        jobs = await interaction.client.services.jobs.active(interaction.user.id)
        return jobs[-1].id if jobs else None


@dataclass(frozen=True)
class _Favourite:
    ref: CellRef
    picture: bytes
    is_hidden: bool


async def _favourite(interaction: Pressed, ref: CellRef) -> _Favourite | None:
    """A marked picture, when it is still there and may be shown here."""
    services = interaction.client.services
    with contextlib.suppress(CellNotFound, JobNotFound, NotAllowedHere):
        job = await permitted(interaction, ref.job_id, Deed.SEE)
        job = await visible(services, job, place_of(interaction))
        return _Favourite(ref, await services.job_service.picture(ref.job_id, ref.cell), job.spoiler)
    return None


async def _sheet(interaction: Pressed, shown: list[_Favourite], name: str, alt: str) -> list[discord.File]:
    """Thumbnails of these pictures as one upload, hidden until clicked where one of them is.

    None of nothing, or where files may not be large enough.
    """
    if not shown:
        return []
    drawing, limit = interaction.client.services.drawing, interaction.filesize_limit
    try:
        sheet = await drawing.run(contact_sheet, [one.picture for one in shown], limit)
    except FileLimitTooSmall:
        return []
    return [Upload(name, sheet, alt, spoiler=any(one.is_hidden for one in shown)).file()]


async def own_newest(interaction: Pressed, typed: str) -> list[Choice[str]]:
    """One's own newest jobs whose id or words hold what was typed."""
    jobs = await interaction.client.services.jobs.recent(interaction.user.id, 100)
    return [_choice(job) for job in jobs if typed in f"{job.id} {job.spec.options.prompt}"][:25]


def _since(job: Job, event: Shown | None = None, *, own: bool = False) -> str:
    return f"{_stage(job, event, own=own)}, {format_dt(job.created_at, 'R')}"


def _line(job: Job, event: Shown | None = None, *, own: bool) -> str:
    stage = _since(job, event, own=own)
    if not own:
        return f"{stage}: <@{job.member_id}>"  # without the id, which shows the picture to whoever has it
    return f"`{job.id}` {stage}: {texts.echo(job.spec.options.prompt, _ECHO)}"


def _own_line(job: Job, number: int | None) -> str:
    """Return one line about a job, with the number of its thumbnail and a link to its message."""
    act = texts.act(job)
    if job.reply.message_id is not None and not job.reply.ephemeral:
        act = f"[{act}]({texts.message_url(job.guild_id, job.channel_id, job.reply.message_id)})"
    place = "–" if number is None else f"{number}."
    said = texts.echo(job.spec.options.prompt, _OWN_ECHO)
    return f"{place} `{job.id}` {act} {job.state.value}, {format_dt(job.created_at, 'R')}: {said}".rstrip(": ")


def _stage(job: Job, event: Shown | None, *, own: bool) -> str:
    """Return how far a job is; for one's own, with its place in the queue and the reason."""
    match event:
        case Queued() if own:
            return texts.waiting(event)
        case Progress():
            return f"step {event.step} of {event.steps}"
        case PutOff():
            return "put off"
        case _:
            return job.state.value


def _choice(job: Job) -> Choice[str]:
    return Choice(name=shorten(f"{job.spec.options.prompt} ({job.id})", 100), value=job.id)
