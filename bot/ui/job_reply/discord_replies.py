"""Replies on Discord: each job's one message, edited from "waiting" to the grid."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Collection, Generator, Sequence
from datetime import datetime
from typing import Protocol

import discord

from bot.domain.model import Cell, Job
from bot.domain.ports import Jobs, Pictures, Shown
from bot.errors import DeliveryLater, ReplyGone
from bot.tasks import Tasks
from bot.ui.content import texts
from bot.ui.content.buttons import again_view
from bot.ui.content.custom_ids import Act
from bot.ui.content.error_texts import words
from bot.ui.content.message_page import Page
from bot.ui.content.result_pages import FormOf, ResultPages, smaller
from bot.ui.discord_errors import REFUSALS, delivery_error, is_gone
from bot.ui.job_reply import direct_messages
from bot.ui.job_reply.edit_pacing import ChannelWindows, Pace, RateLimits
from bot.ui.job_reply.live_reply import ProgressReply
from bot.ui.job_reply.reply_message import OutOfReach, ReplyMessage, now
from bot.ui.pictures.compositing import Drawing
from engine import InferenceFailed

PREVIEW_INTERVAL_S = 1.2
SMALLEST_LIMIT = 256 * 1024
OPENED_KEPT = 1000


class Reviewers(Protocol):
    """The moderators who look at flagged pictures before they are shown."""

    async def ask(self, job: Job, cells: Sequence[Cell]) -> None:
        """Show them to the moderators; idempotent."""
        ...


class DiscordReplies:
    """Implements `bot.domain.ports.Replies`. Made before the client, which `attach` brings."""

    def __init__(
        self,
        jobs: Jobs,
        pictures: Pictures,
        drawing: Drawing,
        tasks: Tasks,
        *,
        limits: RateLimits | None = None,
        clock: Callable[[], datetime] = now,
        preview_interval_s: float = PREVIEW_INTERVAL_S,
        form_of: FormOf | None = None,
    ) -> None:
        """`form_of`: how a job's pictures are shown; None: as grids."""
        self._jobs = jobs
        self.results = ResultPages(jobs, pictures, drawing, form_of)
        self._tasks, self._clock, self._interval_s = tasks, clock, preview_interval_s
        self.limits = limits or RateLimits()
        self._client: discord.Client | None = None
        self._on_gone: Callable[[str], Awaitable[None]] | None = None
        self._reviewers: Reviewers | None = None
        self._live: dict[str, ProgressReply] = {}
        self._opening: dict[str, asyncio.Event] = {}
        self._opened: dict[str, tuple[int | None, str]] = {}
        self._newest: dict[str, Shown] = {}
        self._channels = ChannelWindows()

    def attach(
        self,
        client: discord.Client,
        *,
        offered: Collection[Act],
        on_gone: Callable[[str], Awaitable[None]],
        reviewers: Reviewers | None = None,
    ) -> None:
        """Connect to Discord: which buttons are offered, whom to tell that a reply was deleted, who reviews."""
        self._client, self._on_gone, self._reviewers = client, on_gone, reviewers
        self.results.offered = offered

    @contextlib.contextmanager
    def opening(self, job_id: str) -> Generator[None]:
        """While the acknowledgement is on its way: a quick result would come before it, and be hidden by it."""
        said = self._opening[job_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._opening[job_id]
            said.set()

    async def opened(self, job: Job, message_id: int | None, used: str = "") -> None:
        """The acknowledgement is out; remember its message. None: it was sent, but nobody heard whether it arrived.

        `used` says how much of a limit is used with this job, as long as it waits.
        """
        if live := self._live.get(job.id):
            live.opened(message_id, used)
        else:
            self._opened[job.id] = message_id, used
            while len(self._opened) > OPENED_KEPT:
                self._opened.pop(next(iter(self._opened)))
        if message_id is not None:
            await self._jobs.reply_at(job.id, message_id)

    async def message_deleted(self, message_id: int) -> None:
        """A message was deleted: when it is the reply of a job under way, the job ends."""
        for job_id, live in list(self._live.items()):
            if live.message.message_id == message_id:
                await self._gone(job_id)

    def show(self, job: Job, event: Shown) -> None:
        """Show an event as soon as rate limits allow; a newer one replaces it."""
        self._newest[job.id] = event
        if self._client is not None and not job.reply.hidden:
            self._reply(job).show(job, event)

    def newest(self, job_id: str) -> Shown | None:
        """The newest event of a job under way."""
        return self._newest.get(job_id)

    async def deliver(self, job: Job, cells: Sequence[Cell]) -> int | None:
        """Turn the reply into the result. Returns the message id; raises as the port says."""
        if job.reply.hidden:
            self._forget(job.id)
            return None
        message = await self._quiet(job)
        page = await self.results.page(job, cells, job.reply.file_limit_bytes)
        message_id = await self._place(job, message, page, cells)
        self._forget(job.id)
        return message_id

    async def review(self, job: Job, cells: Sequence[Cell]) -> None:
        """Say in the reply that a moderator looks first, and ask the moderators."""
        message = None if job.reply.hidden else await self._quiet(job)
        if self._reviewers is not None:
            await self._reviewers.ask(job, cells)
        if message is not None:
            await self._say(job, message, "🔎 A moderator looks at this first.")

    async def closed(self, job: Job, error: Exception) -> None:
        """Say in the reply why the job failed or was cancelled."""
        if job.reply.hidden:
            self._forget(job.id)
            return
        message = await self._quiet(job)
        view = again_view(job.id) if isinstance(error, InferenceFailed) else None
        await self._say(job, message, f"✖️ {words(error)}", view)
        self._forget(job.id)

    def _reply(self, job: Job) -> ProgressReply:
        if live := self._live.get(job.id):
            return live
        live = self._live[job.id] = ProgressReply(
            self._message(job),
            Pace(self._interval_s),
            self._channels,
            self.limits,
            self._tasks,
            self._clock,
            self._gone,
        )
        if job.id in self._opened:
            live.opened(*self._opened.pop(job.id))
        return live

    def _message(self, job: Job) -> ReplyMessage:
        return ReplyMessage(self._connected(), job, self._clock, self._jobs.reply_at)

    def _connected(self) -> discord.Client:
        if self._client is None:
            raise DeliveryLater(1.0, "not connected yet")
        return self._client

    async def _quiet(self, job: Job) -> ReplyMessage:
        """The job's message, with no preview under way any more."""
        await self._acknowledged(job)
        self._newest.pop(job.id, None)
        live = self._live.get(job.id)
        if live is None:
            message = self._message(job)
            message.message_id = message.message_id or self._opened.pop(job.id, (None, ""))[0]
            return message
        await live.stop()
        return live.message

    async def _acknowledged(self, job: Job) -> None:
        if opening := self._opening.get(job.id):
            await opening.wait()
            if (await self._jobs.get(job.id)).state is not job.state:
                raise ReplyGone(job.id, "it came too late for its acknowledgement")

    async def _gone(self, job_id: str) -> None:
        if live := self._live.get(job_id):
            await live.stop()
        if self._on_gone is not None:
            await self._on_gone(job_id)
        # Only now: until the job is ended, its next event would begin a reply anew.
        self._forget(job_id)

    def _forget(self, job_id: str) -> None:
        for kept in (self._live, self._opened, self._newest):
            kept.pop(job_id, None)

    async def _say(self, job: Job, message: ReplyMessage, line: str, view: discord.ui.View | None = None) -> None:
        page = Page(texts.shorten(f"{texts.headline(job)}\n{line}", texts.MESSAGE_LIMIT), view=view)
        await self._place(job, message, page, ())

    async def _place(self, job: Job, message: ReplyMessage, page: Page, cells: Sequence[Cell]) -> int | None:
        """Show a page in the reply, smaller when Discord finds it too large, privately when out of reach."""
        limit, show = job.reply.file_limit_bytes, message.show
        while True:
            try:
                return await show(page)
            except OutOfReach:
                if not page.uploads:
                    return None
                limit = min(limit, direct_messages.FILE_LIMIT)
                show = functools.partial(direct_messages.send, self._connected(), job)
            except REFUSALS as error:
                limit = smaller(limit, page, error) if page.uploads else 0
                if limit < SMALLEST_LIMIT:
                    if is_gone(error):
                        self._forget(job.id)
                    raise delivery_error(job.id, error) from error
                page = await self.results.page(job, cells, limit)

    async def notify(self, job: Job, message_id: int) -> None:
        """Ping the member, once, where the reply is a message of a channel."""
        if self._client is not None and job.reply.bot_present and not job.reply.ephemeral:
            await direct_messages.ping(self._client, job, message_id)
