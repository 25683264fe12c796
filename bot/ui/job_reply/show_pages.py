"""What the messages of a show look like: the sheet with its letters, and at the end who made what."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.model import CellRef, Job
from bot.domain.ports import Jobs, Pictures
from bot.domain.rounds import fame
from bot.domain.rounds.ballots import count
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.ports import EntryStore
from bot.domain.rounds.round import Ballot, Round
from bot.domain.rounds.show_ports import Lines
from bot.domain.rounds.show_rules import may_hang
from bot.errors import JobNotFound
from bot.ui.content import show_texts
from bot.ui.content.credits import authors
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.show_texts import Hung
from bot.ui.content.texts import alt_text
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.show_sheet import show_sheet

_LONGEST_STRIP = 5


class ShowPages:
    """`bot.ui.job_reply.round_announcer.RoundPages` of `RoundKind.SHOW`."""

    def __init__(self, jobs: Jobs, pictures: Pictures, drawing: Drawing, entries: EntryStore, lines: Lines) -> None:
        self._jobs, self._pictures, self._drawing = jobs, pictures, drawing
        self._entries, self._lines = entries, lines

    async def current(self, shown: Round, voters: int) -> Page:
        """The ballot paper, or where the outcome stands."""
        there = {entry.place for entry in await self._choices(shown) if entry.state is EntryState.OPEN}
        return Page(show_texts.paper(shown, there, voters), view=show_texts.view(shown, there))

    async def files(self, shown: Round) -> tuple[Upload, ...]:
        """The sheet. Its name and text tell of no picture: words would tell whose it is."""
        choices = await self._choices(shown)
        found = [await self._picture(entry.picture) if entry.state is EntryState.OPEN else None for entry in choices]
        content = await self._drawing.run(show_sheet, found, shown.place.file_limit_bytes // 2)
        alt = f"The show: {sum(one is not None for one in found)} pictures with letters from A on"
        return (Upload(f"darkroom-show-{shown.id}.webp", content, alt),)

    async def over(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> Page:
        """Who made what, and a strip of what the winner was made from. Raises `JobNotFound`."""
        hung, won = list[Hung](), None
        for entry in await self._choices(shown):
            if entry.state is EntryState.OPEN and (job := await self._job(entry)) is not None:
                hung.append(Hung(entry.place, job.member_id, job.spec.options.prompt, await self._others(job)))
                won = (entry, job) if entry.place == shown.winner else won
        if won is None:
            raise JobNotFound("")
        entry, job = won
        parts = fame.points(job.member_id, await self._others(job))
        text = show_texts.reveal(shown, count(ballots, shown.slots), hung, parts, job.spec.credit)
        return Page(text, await self._winner(shown, job, entry.picture))

    async def _choices(self, shown: Round) -> list[Entry]:
        return await self._entries.of(shown.id, role=EntryRole.CHOICE)

    async def _others(self, job: Job) -> tuple[int, ...]:
        return tuple(await authors(self._jobs, job))

    async def _job(self, entry: Entry) -> Job | None:
        try:
            return await self._jobs.get(entry.picture.job_id) if entry.picture is not None else None
        except JobNotFound:
            return None

    async def _winner(self, shown: Round, job: Job, picture: CellRef | None) -> tuple[Upload, ...]:
        """The winner; with what it was made from in a strip, as far as that may hang here, too."""
        lines = await self._lines.lines([job.id])
        path = [each.job for each in lines[job.id].exhibits] if job.id in lines else [job]
        steps = zip(path[1:], path, strict=False)
        cells = [CellRef(job_id=each.id, cell=child.parent_cell or 0) for each, child in steps]
        fit = await self._lines.lines([cell.job_id for cell in cells])
        here = shown.guild_id, shown.channel_id, shown.due_at
        may = [cell for cell in cells if cell.job_id in fit and may_hang(fit[cell.job_id], *here)]
        won = await self._picture(picture)
        if won is None:
            raise JobNotFound(job.id)
        before = [await self._picture(cell) for cell in reversed(may[: _LONGEST_STRIP - 1])]
        strip, limit = [one for one in (*before, won) if one is not None], shown.place.file_limit_bytes // 2
        content, suffix = await self._drawing.fitted(won, limit)
        name = f"darkroom-show-{shown.id}"
        uploads = [Upload(f"{name}-winner.{suffix}", content, alt_text(job, picture and picture.cell))]
        if len(strip) > 1:
            content, suffix = await self._drawing.strip(strip, limit)
            alt = f"What the winner was made from, in {len(strip) - 1} steps; the winner is at the right"
            uploads.append(Upload(f"{name}-family.{suffix}", content, alt))
        return tuple(uploads)

    async def _picture(self, picture: CellRef | None) -> bytes | None:
        if picture is None:
            return None
        try:
            job = await self._jobs.get(picture.job_id)
            keys = {cell.cell: cell.key for cell in await self._jobs.cells(job.id)}
            return await self._pictures.get(keys[picture.cell]) if job.state.is_showable else None
        except (JobNotFound, KeyError):
            return None
