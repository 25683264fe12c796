"""`bot.domain.rounds.ports.Announcer` on Discord: ballot papers, their counters, and outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import discord

from bot.domain.model import Job
from bot.domain.ports import Jobs, Pictures
from bot.domain.rounds.ballots import count
from bot.domain.rounds.round import Ballot, Round
from bot.errors import CellNotFound, DeliveryLater, JobNotFound
from bot.tasks import Tasks
from bot.ui.content import texts
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.round_pages import ballot_paper, ballot_view, outcome
from bot.ui.discord_errors import REFUSALS, WRITE_ANEW, delivery_error
from bot.ui.pictures.compositing import Drawing

COUNTER_S = 2.0
"""The counter is edited this often at most: Discord takes about five edits in five seconds for each channel."""


class RoundAnnouncer:
    """Shows rounds. Made before the client it needs: `attach` brings that."""

    def __init__(
        self,
        jobs: Jobs,
        pictures: Pictures,
        drawing: Drawing,
        tasks: Tasks,
        *,
        interval_s: float = COUNTER_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs, self._pictures, self._drawing, self._tasks = jobs, pictures, drawing, tasks
        self._interval_s, self._sleep = interval_s, sleep
        self._client: discord.Client | None = None
        self._newest: dict[str, tuple[Round, int]] = {}
        self._ended: set[str] = set()

    def attach(self, client: discord.Client) -> None:
        """Connect to Discord."""
        self._client = client

    def changed(self, shown: Round, voters: int) -> None:
        """Show the number of voters soon; the latest number wins."""
        is_waiting = shown.id in self._newest
        self._newest[shown.id] = shown, voters
        if not is_waiting:
            self._tasks.start(self._count(shown.id), f"counter of {shown.id}")

    async def extended(self, shown: Round, why: str) -> None:
        """Say on the ballot paper that there is more time."""
        job = await self._jobs.get(shown.job_id)
        await self._edit(
            shown, Page(ballot_paper(shown, job, 0, f"{why} There is more time."), view=ballot_view(shown))
        )

    async def ended(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> None:
        """Turn the ballot paper into the outcome, with a strip of all winners of its chain."""
        self._newest.pop(shown.id, None)
        job = await self._jobs.get(shown.job_id)
        text = outcome(shown, job, ballots, await self._next_url(shown))
        strip = await self._strip(job, [*chain, shown]) if chain and shown.winner is not None else ()
        await self._edit(shown, Page(text, strip))

    async def _count(self, round_id: str) -> None:
        await self._sleep(self._interval_s)
        shown, voters = self._newest.pop(round_id, (None, 0))
        if shown is None:
            return  # it ended meanwhile
        job = await self._jobs.get(shown.job_id)
        await self._edit(shown, Page(ballot_paper(shown, job, voters), view=ballot_view(shown)))

    async def _next_url(self, shown: Round) -> str:
        if not shown.next_job_id:
            return ""
        try:
            made = await self._jobs.get(shown.next_job_id)
        except JobNotFound:
            return ""
        if made.reply.message_id is None:
            return ""
        return texts.message_url(made.guild_id, made.channel_id, made.reply.message_id)

    async def _strip(self, job: Job, chain: Sequence[Round]) -> tuple[Upload, ...]:
        pictures = [picture for each in chain if (picture := await self._winner(each))]
        if len(pictures) < 2:
            return ()
        content, suffix = await self._drawing.strip(pictures, job.reply.file_limit_bytes)
        alt = f"The winners of {len(pictures)} votes, the first at the left"
        return (Upload(f"darkroom-winners-{job.id}.{suffix}", content, alt, spoiler=job.spoiler),)

    async def _winner(self, decided: Round) -> bytes | None:
        try:
            job = await self._jobs.get(decided.job_id)
            cells = await self._jobs.cells(job.id)
            if not job.state.is_showable or decided.winner is None:
                return None
            return await self._pictures.get(next(cell.key for cell in cells if cell.cell == decided.winner))
        except (JobNotFound, CellNotFound, KeyError, StopIteration):
            return None

    async def _edit(self, shown: Round, page: Page) -> None:
        """Raises `ReplyGone`, `DeliveryLater` or another `DeliveryError`."""
        if self._client is None:
            raise DeliveryLater(1.0, "not connected yet")
        channel = self._client.get_partial_messageable(shown.channel_id, guild_id=shown.guild_id)
        try:
            await self._replace(channel, shown, page)
        except REFUSALS as error:
            raise delivery_error(shown.id, error) from error

    async def _replace(self, channel: discord.PartialMessageable, shown: Round, page: Page) -> None:
        if shown.message_id is not None:
            message = channel.get_partial_message(shown.message_id)
            try:
                await message.edit(content=page.text, attachments=page.files(), view=page.view)
            except discord.HTTPException as error:
                if error.code not in WRITE_ANEW:
                    raise
            else:
                return
        view = page.view if page.view is not None else discord.utils.MISSING
        await channel.send(page.text, files=page.files(), view=view, nonce=f"round-{shown.id}"[:25])


def voters(ballots: Sequence[Ballot], slots: int) -> int:
    """How many members marked at least one slot."""
    return count(ballots, slots).voters
