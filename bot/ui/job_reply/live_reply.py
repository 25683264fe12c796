"""Live reply: shows the newest event of a job as often as rate limits allow; the job never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.model import Job
from bot.domain.ports import Shown
from bot.errors import DeliveryLater, StoreError
from bot.tasks import Tasks
from bot.ui.content import texts
from bot.ui.content.buttons import cancel_view, fetch_view
from bot.ui.content.message_page import Page, Upload
from bot.ui.discord_errors import REFUSALS, delivery_error, is_gone
from bot.ui.job_reply.edit_pacing import ChannelWindows, Pace, RateLimits
from bot.ui.job_reply.reply_message import HANDOVER, OutOfReach, ReplyMessage
from engine import Preview, Progress, Queued

STOP_WITHIN_S = 45.0
"""Discord may take half a minute over an edit; one that is no longer waited for would still arrive, over the result."""
QUEUE_INTERVAL_S = 4.0
"""A place in the queue changes slowly, and many wait at once: pictures go first."""
NOTICE_BEFORE = HANDOVER + timedelta(seconds=60)
"""How long before its end a reply that cannot be edited later says where the result will be."""
NOTICE = (
    "\n📬 Discord does not let me edit this message for much longer. "
    "The result comes as a direct message, or here when you press **Show the result**."
)

log = logging.getLogger(__name__)


class ProgressReply:
    """Shows a job's events in its reply. One task at a time, only while there is something new to show."""

    def __init__(
        self,
        message: ReplyMessage,
        pace: Pace,
        channels: ChannelWindows,
        limits: RateLimits,
        tasks: Tasks,
        clock: Callable[[], datetime],
        on_gone: Callable[[str], Awaitable[None]],
    ) -> None:
        self.message = message
        self._pace, self._channels, self._limits = pace, channels, limits
        self._tasks, self._clock, self._on_gone = tasks, clock, on_gone
        self._newest: tuple[Job, Shown] | None = None
        self._shown: tuple[Job, Shown] | None = None
        self._preview: Preview | None = None
        self._has_previewed = False
        self._task: asyncio.Task[None] | None = None
        self._notice: asyncio.Task[None] | None = None
        self._queue_shown_at = -QUEUE_INTERVAL_S
        self._is_open = message.message_id is not None or message.may_be_open
        self._is_stopped = False
        self._used = ""
        self._woken = asyncio.Event()

    def opened(self, message_id: int | None, used: str = "") -> None:
        """The acknowledgement is out: from now on there is a message to edit, even if its id is not known."""
        self._used = used
        self.message.message_id = message_id
        self._is_open = True
        self._start()

    def show(self, job: Job, event: Shown) -> None:
        """Show this as soon as limits allow; what was not shown yet is dropped, and what looks the same is not sent."""
        if not isinstance(event, Progress):
            self._preview = None
        elif event.preview is not None:
            self._preview = event.preview
        self._newest = None if self._looks_the_same(job, event) else (job, event)
        self._woken.set()
        self._start()

    async def stop(self) -> None:
        """End, letting an edit under way arrive first: a preview must never overwrite the result."""
        self._is_stopped = True
        self._woken.set()
        self._newest = None
        if self._notice is not None:
            self._notice.cancel()
        if self._task not in (None, asyncio.current_task()) and not self._task.done():
            _, late = await asyncio.wait([self._task], timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()

    def _looks_the_same(self, job: Job, event: Shown) -> bool:
        if self._shown is None or (isinstance(event, Progress) and event.preview is not None):
            return False
        return texts.status(job, event) == texts.status(*self._shown)

    def _start(self) -> None:
        if self._is_stopped or not self._is_open or self._newest is None:
            return
        if self._notice is None and not self.message.is_lasting:
            self._notice = self._tasks.start(self._give_notice(self._newest[0]), "notice")
        if self._task is None or self._task.done():
            self._task = self._tasks.start(self._run(), f"progress-{self._newest[0].id}")

    async def _run(self) -> None:
        while self._newest is not None:
            await self._wait_for_turn()
            if (newest := self._take()) is not None:
                await self._edit(*newest)

    def _take(self) -> tuple[Job, Shown] | None:
        newest, self._newest = self._newest, None
        return None if self._is_stopped else newest

    async def _wait_for_turn(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait_s := self._wait_s(loop.time())) > 0 and not self._is_stopped:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait_s)

    def _wait_s(self, now: float) -> float:
        first_preview = self._preview is not None and not self._has_previewed
        waits = [self._pace.wait_s(now, is_urgent=first_preview), self._limits.wait_s(self.message.bucket, now)]
        if self._newest is not None and isinstance(self._newest[1], Queued):
            waits.append(self._queue_shown_at + QUEUE_INTERVAL_S - now)
        if not self.message.has_token:
            waits.append(self._channels.wait_s(self.message.channel_id, now))
        return max(waits)

    async def _edit(self, job: Job, event: Shown) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if not self.message.has_token:
            self._channels.take(self.message.channel_id, started)
        page = self._page(job, event)
        try:
            await self.message.show(page)
        except OutOfReach:
            self._is_stopped = True
        except StoreError as error:
            # The page is shown; only the message's id could not be written down, and the next edit tries again.
            log.info("reply's place not stored: %s", error, extra={"action": "preview", "job": job.id})
            self._shown = (job, event)
        except REFUSALS as error:
            await self._refused(job, error)
        else:
            self._shown = (job, event)
            self._has_previewed = self._has_previewed or bool(page.uploads)
            self._pace.sent(started, loop.time())
            if isinstance(event, Queued):
                self._queue_shown_at = started

    async def _refused(self, job: Job, error: Exception) -> None:
        meaning = delivery_error(job.id, error)
        log.info("preview not shown: %s", meaning, extra={"action": "preview", "job": job.id})
        if isinstance(meaning, DeliveryLater):
            self._pace.refused(asyncio.get_running_loop().time(), meaning.retry_after_s)
            return
        self._is_stopped = True
        if is_gone(error):
            await self._on_gone(job.id)

    def _page(self, job: Job, event: Shown) -> Page:
        text = texts.live(job, event, self._used)
        view = cancel_view(job.id)
        if not self.message.is_lasting and self._ends_soon(job):
            text, view = text + NOTICE, fetch_view(job.id)
        if not isinstance(event, Progress) or self._preview is None:
            return Page(text, view=view)
        name = texts.file_name(job, self._preview.mime.rpartition("/")[2])
        upload = Upload(name, self._preview.image, texts.preview_alt(job, event), spoiler=job.spoiler)
        return Page(text, (upload,), view)

    def _ends_soon(self, job: Job) -> bool:
        until = job.reply.expires_at
        return until is not None and self._clock() >= until - NOTICE_BEFORE

    async def _give_notice(self, job: Job) -> None:
        if job.reply.expires_at is not None:
            await asyncio.sleep(max(0.0, (job.reply.expires_at - NOTICE_BEFORE - self._clock()).total_seconds()))
            self._newest = self._newest or self._shown
            self._start()
