"""A finished job as a message: grid, picture or captions, with its buttons and its origin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import discord

from bot.domain.jobs.stored_files import unpack_control, unpack_mask
from bot.domain.model import Cell, Job, Preferences, ResultForm, Verb
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.ports import Jobs, Pictures
from bot.errors import CellNotFound, JobNotFound
from bot.ui.content import texts
from bot.ui.content.buttons import FOR_SERVERS, captions_view, cell_view, grid_view
from bot.ui.content.credits import authors, credit
from bot.ui.content.custom_ids import Act
from bot.ui.content.draft_sheet import sheet_view
from bot.ui.content.message_page import Page, Upload
from bot.ui.discord_errors import is_album_refused, is_too_large
from bot.ui.pictures.compositing import Drawing

ALBUM_BYTES = 24 * 1024 * 1024
"""For all pictures of an album together: Discord takes 25 MiB a request."""
ALBUM_LIMIT = 8 * 1024 * 1024
"""Where a file may have fewer bytes, or Discord takes no album, there is a grid: every channel takes 10 MiB."""
FormOf = Callable[[Job], Awaitable[ResultForm]]
REWORKED = frozenset({Verb.UPSCALE_SUBTLE, Verb.UPSCALE_CREATIVE, Verb.CUT_OUT})
"""Their pictures have fewer buttons."""


def chosen_form(
    preferences: Callable[[int], Awaitable[Preferences]],
    rules: Callable[[int], Awaitable[GuildRules]],
    default: ResultForm,
) -> FormOf:
    """Return what says how a job's pictures are shown: as its member wants, else the server, else the host."""

    async def form_of(job: Job) -> ResultForm:
        return (await preferences(job.member_id)).results or (await rules(job.rules_id)).results or default

    return form_of


def smaller(limit: int, page: Page, error: Exception) -> int:
    """Return how many bytes a file may have at the next attempt, after Discord refused a page; 0: there is none."""
    if not isinstance(error, discord.HTTPException):
        return 0
    if page.is_album and is_album_refused(error):
        return min(limit, ALBUM_LIMIT - 1)
    return limit // 2 if is_too_large(error) else 0


class ResultPages:
    """Composes result messages, wherever they are shown."""

    def __init__(self, jobs: Jobs, pictures: Pictures, drawing: Drawing, form_of: FormOf | None = None) -> None:
        self._jobs, self._pictures, self._drawing, self._form_of = jobs, pictures, drawing, form_of
        self.offered: Collection[Act] = ()
        """What buttons can do; nothing else is shown."""

    async def page(self, job: Job, cells: Sequence[Cell], limit: int) -> Page:
        """The finished job with files of at most `limit` bytes. Raises `CellNotFound`."""
        url = await self.parent_url(job)
        text = texts.result(job, url, await self._credit(job))
        if job.captions:
            return Page(text, view=captions_view(job))
        is_album = await self._is_album(job, cells, limit)
        uploads = [*await (self._album(job, cells, limit) if is_album else self._grid(job, cells, limit))]
        uploads += await self._small(job)
        if job.spec.verb is Verb.DRAFT:
            view = sheet_view(job, [cell.cell for cell in cells], self._offered_for(job))
        elif len(cells) == 1:
            view = cell_view(job.id, cells[0].cell, self._offered_for(job), url, reworked=job.spec.verb in REWORKED)
        else:
            view = grid_view(job, len(cells), self._offered_for(job))
        return Page(text, tuple(uploads), view, is_album=is_album)

    async def _credit(self, job: Job) -> str:
        if job.parent_id is None and job.spec.poster_id is None and not job.spec.credit:
            return ""
        return credit(job, await authors(self._jobs, job))

    async def _is_album(self, job: Job, cells: Sequence[Cell], limit: int) -> bool:
        """Whether the pictures are shown one by one; a sheet of drafts is numbered, and one picture is no album."""
        if self._form_of is None or len(cells) < 2 or job.spec.verb is Verb.DRAFT or limit < ALBUM_LIMIT:
            return False
        return await self._form_of(job) == "album"

    async def _grid(self, job: Job, cells: Sequence[Cell], limit: int) -> list[Upload]:
        pictures = [await self._kept(cell) for cell in cells]
        content, suffix = await self._drawing.grid(pictures, limit, is_numbered=job.spec.verb is Verb.DRAFT)
        return [Upload(texts.file_name(job, suffix), content, texts.alt_text(job), spoiler=job.spoiler)]

    async def _album(self, job: Job, cells: Sequence[Cell], limit: int) -> list[Upload]:
        share, uploads = min(limit, ALBUM_BYTES // len(cells)), list[Upload]()
        for cell in cells:
            content, suffix = await self._drawing.fitted(await self._kept(cell), share)
            name, alt = texts.file_name(job, suffix, cell.cell), texts.alt_text(job, cell.cell)
            uploads.append(Upload(name, content, alt, spoiler=job.spoiler))
        return uploads

    async def _small(self, job: Job) -> list[Upload]:
        """Where an edit changed the picture, where it found that itself; what was seen of a control picture."""
        is_controlled = job.spec.control is not None
        if job.frames_key is None or not (is_controlled or job.spec.verb is Verb.EDIT):
            return []
        unpack = unpack_control if is_controlled else unpack_mask
        try:
            found = await asyncio.to_thread(unpack, await self._pictures.get(job.frames_key))
        except KeyError:
            return []
        named = (texts.control_name, texts.CONTROL_ALT) if is_controlled else (texts.mask_name, texts.MASK_ALT)
        name, alt = named
        return [] if found is None else [Upload(name(job), found, alt, spoiler=job.spoiler, is_aside=True)]

    async def _kept(self, cell: Cell) -> bytes:
        try:
            return await self._pictures.get(cell.key)
        except KeyError as missing:
            raise CellNotFound(cell.job_id, cell.cell) from missing

    async def parent_url(self, job: Job) -> str:
        """The address of the reply this job was derived from, or ""."""
        if job.parent_id is None:
            return ""
        try:
            parent = await self._jobs.get(job.parent_id)
        except JobNotFound:
            return ""
        return "" if parent.reply.ephemeral else texts.reply_url(parent)

    def _offered_for(self, job: Job) -> Collection[Act]:
        hidden = set[Act]() if job.frames_key else {Act.TIMELAPSE}
        if job.spec.verb is Verb.CUT_OUT:
            hidden.add(Act.CUT_OUT)
        if job.spec.verb is not Verb.EDIT:
            hidden.add(Act.EDIT_REGION)
        if job.guild_id is None or not job.reply.bot_present:
            hidden |= FOR_SERVERS
        if job.guild_id is None or not job.reply.bot_present or job.reply.ephemeral:
            hidden.add(Act.DECIDE)  # nobody else is there to vote, or the bot could not show the outcome
        if job.spec.verb not in (Verb.IMAGINE, Verb.REROLL):
            hidden.add(Act.DRAFT)
        return set(self.offered) - hidden
