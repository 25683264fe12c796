"""`bot.domain.rounds.ports.Announcer` on Discord: ballot papers, their counters, and outcomes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

import discord

from bot.domain.model import Job
from bot.domain.ports import Jobs, Pictures
from bot.domain.rounds.ports import Reader
from bot.domain.rounds.round import Ballot, Round, RoundState
from bot.errors import CellNotFound, DeliveryError, DeliveryLater, JobNotFound, RoundNotFound
from bot.tasks import Tasks
from bot.ui.content import texts
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.round_pages import ballot_paper, ballot_view, outcome
from bot.ui.discord_errors import REFUSALS, WRITE_ANEW, delivery_error
from bot.ui.pictures.compositing import Drawing

COUNTER_S = 2.0
"""A counter is edited this often at most: Discord takes about five edits in five seconds for each channel."""
_COUNTER_TRIES = 5

log = logging.getLogger(__name__)


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
        self.attached = asyncio.Event()
        """Set once there is a client."""
        self._waiting: set[str] = set()
        self._edits: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def attach(self, client: discord.Client) -> None:
        """Connect to Discord."""
        self._client = client
        self.attached.set()

    def changed(self, round_id: str, read: Reader) -> None:
        """Show the number of voters and the deadline soon, as they are then."""
        if round_id not in self._waiting:
            self._waiting.add(round_id)
            self._tasks.start(self._update(round_id, read), f"counter of {round_id}")

    async def ended(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> int | None:
        """Turn the ballot paper into the outcome, with a strip of all winners of its chain."""
        job = await self._jobs.get(shown.job_id)
        text = outcome(shown, job, ballots, await self._next_url(shown))
        strip = await self._strip([*chain, shown]) if chain and shown.winner is not None else ()
        async with self._edit_of(shown.id):
            return await self._edit(shown, Page(text, strip), anew=True)

    async def _update(self, round_id: str, read: Reader) -> None:
        pause_s = self._interval_s
        for _ in range(_COUNTER_TRIES):
            await self._sleep(pause_s)
            try:
                return await self._show(round_id, read)
            except DeliveryLater as error:
                pause_s = max(self._interval_s, error.retry_after_s)
            except DeliveryError as error:
                return log.warning("ballot paper not changed: %s", error, extra={"round": round_id})
            except (RoundNotFound, JobNotFound):
                return log.info("its pictures are gone", extra={"round": round_id})
        return None

    async def _show(self, round_id: str, read: Reader) -> None:
        async with self._edit_of(round_id):
            # Read inside: an outcome that comes from now on is shown after this.
            self._waiting.discard(round_id)
            shown, voters = await read(round_id)
            if shown.state is RoundState.OPEN and shown.message_id is not None:
                job = await self._jobs.get(shown.job_id)
                await self._edit(shown, Page(ballot_paper(shown, job, voters), view=ballot_view(shown)))

    def _edit_of(self, round_id: str) -> asyncio.Lock:
        return self._edits.setdefault(round_id, asyncio.Lock())

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

    async def _edit(self, shown: Round, page: Page, *, anew: bool = False) -> int | None:
        """The id of the message that shows it. Raises `ReplyGone`, `DeliveryLater` or another `DeliveryError`."""
        if self._client is None:
            raise DeliveryLater(1.0, "not connected yet")
        channel = self._client.get_partial_messageable(shown.channel_id, guild_id=shown.guild_id)
        try:
            return await _replace(channel, shown, page, anew=anew)
        except REFUSALS as error:
            raise delivery_error(shown.id, error) from error


async def _replace(channel: discord.PartialMessageable, shown: Round, page: Page, *, anew: bool) -> int | None:
    """Edit the ballot paper; where Discord takes no edit of it and `anew`, write the page below."""
    if shown.message_id is None:
        return None
    try:
        message = channel.get_partial_message(shown.message_id)
        await message.edit(content=page.text, attachments=page.files(), view=page.view)
    except discord.HTTPException as error:
        if error.code not in WRITE_ANEW or not anew:
            raise
        sent = await channel.send(page.text, files=page.files(), nonce=f"round-{shown.id}"[:25])
        return sent.id
    return shown.message_id
