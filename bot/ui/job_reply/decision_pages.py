"""What "Let the group decide" shows: the ballot paper below a grid, and the outcome with a strip of all winners."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.model import Job
from bot.domain.ports import Jobs, Pictures
from bot.domain.rounds.round import Ballot, Round
from bot.errors import CellNotFound, JobNotFound
from bot.ui.content import texts
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.round_pages import ballot_paper, ballot_view, outcome
from bot.ui.pictures.compositing import Drawing


class DecisionPages:
    """`bot.ui.job_reply.round_announcer.RoundPages` of `RoundKind.DECIDE`."""

    def __init__(self, jobs: Jobs, pictures: Pictures, drawing: Drawing) -> None:
        self._jobs, self._pictures, self._drawing = jobs, pictures, drawing

    async def current(self, shown: Round, voters: int) -> Page:
        """The ballot paper. Raises `JobNotFound`."""
        job = await self._jobs.get(shown.job_id)
        return Page(ballot_paper(shown, job, voters), view=ballot_view(shown))

    async def files(self, shown: Round) -> tuple[Upload, ...]:
        """None: the grid stands above."""
        return ()

    async def over(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> Page:
        """The outcome. Raises `JobNotFound`."""
        job = await self._jobs.get(shown.job_id)
        text = outcome(shown, job, ballots, await next_url(self._jobs, shown))
        return Page(text, await self._strip([*chain, shown]) if chain and shown.winner is not None else ())

    async def _strip(self, chain: Sequence[Round]) -> tuple[Upload, ...]:
        found = [winner for each in chain if (winner := await self._winner(each))]
        if len(found) < 2:
            return ()
        jobs, pictures = zip(*found, strict=True)
        content, suffix = await self._drawing.strip(pictures, jobs[-1].reply.file_limit_bytes)
        alt = f"The winners of {len(pictures)} votes, the first at the left"
        is_spoiler = any(job.spoiler for job in jobs)  # of all winners, the strictest
        return (Upload(f"darkroom-winners-{jobs[-1].id}.{suffix}", content, alt, spoiler=is_spoiler),)

    async def _winner(self, decided: Round) -> tuple[Job, bytes] | None:
        try:
            job = await self._jobs.get(decided.job_id)
            cells = await self._jobs.cells(job.id)
            if not job.state.is_showable or decided.winner is None:
                return None
            return job, await self._pictures.get(next(cell.key for cell in cells if cell.cell == decided.winner))
        except (JobNotFound, CellNotFound, KeyError, StopIteration):
            return None


async def next_url(jobs: Jobs, shown: Round) -> str:
    """The address of the reply of the job that was made from the winner; "" where there is none."""
    if not shown.next_job_id:
        return ""
    try:
        return texts.reply_url(await jobs.get(shown.next_job_id))
    except JobNotFound:
        return ""
