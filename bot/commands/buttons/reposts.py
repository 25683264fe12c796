"""Posts a stored result again: publicly where the rules of the place allow it, else privately."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Awaitable, Callable, Collection

from bot.domain.model import Job
from bot.errors import UserError
from bot.ui.content.error_texts import words
from bot.ui.content.message_page import Page
from bot.ui.content.texts import MESSAGE_LIMIT, shorten
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of


class PostKind(enum.Enum):
    """What a posted message shows of its jobs: a result, a time-lapse or a family tree."""

    RESULT = enum.auto()
    """Their result, or a cell of it."""
    EXTRACT = enum.auto()
    """Something else of them: a time-lapse, a family tree."""


class Post:
    """A page about one job, on its way into a channel."""

    def __init__(self, interaction: Pressed, answer: Answer, job: Job) -> None:
        """Raises `MissingPermissions` and `FileLimitTooSmall` in `private_because` and `send`."""
        self._interaction, self._answer, self._job = interaction, answer, job
        self._place = place_of(interaction)

    async def private_because(self) -> str:
        """The reason, in words, why the page is shown privately; "" when it is shown publicly."""
        submission.preflight(self._place)
        member = await member_of(self._interaction)
        try:
            await self._interaction.client.services.job_service.check_post(self._job, member, self._place)
        except UserError as error:
            return words(error)
        return ""

    async def send(
        self,
        fitted: Callable[[int], Awaitable[Page]],
        kind: PostKind,
        cell: int | None = None,
        *,
        of: Collection[str] = (),
    ) -> None:
        """Send the page; a public message is stored with the jobs (`of`, by default the one) that it shows."""
        why, limit = await self.private_because(), self._place.file_limit_bytes
        if why:
            await self._answer.page(_noted(fitted, why), limit, is_private=True)
            return
        message_id = await self._answer.page(fitted, limit)
        if message_id is None:
            return
        jobs, channel_id = self._interaction.client.services.jobs, self._place.channel_id
        if kind is PostKind.RESULT:
            await jobs.posted(self._job.id, cell, channel_id, message_id)
        else:
            await jobs.extracted(of or {self._job.id}, channel_id, message_id)


def _noted(fitted: Callable[[int], Awaitable[Page]], why: str) -> Callable[[int], Awaitable[Page]]:
    """Return the page with the reason why it is private."""

    async def noted(limit: int) -> Page:
        page = await fitted(limit)
        text = f"{shorten(page.text, MESSAGE_LIMIT - len(why) - 40)}\n-# Only you see this. {why}"
        return dataclasses.replace(page, text=text)

    return noted
