"""The answer to an interaction: at once, or after "thinking…" when it takes longer than 0.03 s."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import discord

from bot.domain.prompting.prompt import shorten
from bot.errors import AlreadyAsked, BotError, Fenced, FileLimitTooSmall, Restarting, StoreError, unexplained
from bot.ui.content.error_texts import GENERIC, words
from bot.ui.content.message_page import Page
from bot.ui.content.result_pages import smaller
from bot.ui.content.texts import MESSAGE_LIMIT
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.interaction_responder import InteractionResponder, Pressed, Words
from bot.ui.job_reply.discord_replies import SMALLEST_LIMIT
from engine import EngineError

MODAL_AFTER_S = 1.5
"""Discord drops an interaction that heard nothing for 3 s, and a modal cannot come after a "thinking"."""

log = logging.getLogger(__name__)


class Answer:
    """Answers one interaction exactly once; known errors raised inside become a private answer in words."""

    def __init__(self, interaction: Pressed, *, ephemeral: bool = False, may_ask: bool = False) -> None:
        """`ephemeral`: the answer is private anyway. `may_ask`: it may be a modal, so "thinking" comes late."""
        self._interaction = interaction
        self._responder = InteractionResponder(interaction, is_private=ephemeral)
        self._defer_after_s = MODAL_AFTER_S if may_ask else interaction.client.services.defer_after_s
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._interaction.client.answer_tracker.begin(self._interaction.id)
        self._timer = asyncio.create_task(self._defer_in_time(), name=f"defer-{self._interaction.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        answer_tracker, responder = self._interaction.client.answer_tracker, self._responder
        try:
            return await self._end(error)
        finally:
            is_cut_off = isinstance(error, asyncio.CancelledError | Restarting)
            is_said = responder.is_dead or (responder.has_answered and not (responder.goes_on and is_cut_off))
            if responder.is_pending and is_said:
                await answer_tracker.note_answered(self._interaction.id)
            elif responder.is_pending and not is_cut_off:
                answer_tracker.apologise_later(self._interaction)
            answer_tracker.end(self._interaction.id)

    @property
    def was_given(self) -> bool:
        """Whether the first response was sent; a further message is a follow-up."""
        return self._responder.has_answered

    @property
    def is_dead(self) -> bool:
        """Discord no longer takes answers to this interaction."""
        return self._responder.is_dead

    @property
    def is_taken_up(self) -> bool:
        """Whether an earlier process has begun this interaction."""
        return self._interaction.client.answer_tracker.before(self._interaction.id) is not None

    async def goes_on(self) -> None:
        """Begin more after the first response: what a crash leaves undone is taken up at the next start."""
        await self._responder.store_pending(goes_on=True)

    def hand_over(self) -> None:
        """Leave the first message to another part of the bot from now on."""
        self._responder.has_answered = True

    async def _end(self, error: BaseException | None) -> bool:
        if isinstance(error, Restarting) and self._responder.is_pending:
            self._stop_timer()
            return True  # the next process goes on with it
        if isinstance(error, AlreadyAsked):
            self._stop_timer()
            self.hand_over()  # whoever asked first is answered
            return True
        if isinstance(error, BotError | EngineError):
            if isinstance(error, StoreError) and not isinstance(error, Fenced):
                log.error("request not taken: %s", error, extra={"action": "answer"}, exc_info=unexplained(error))
            await self._tell(words(error))
            return True
        if isinstance(error, Exception) and not self._responder.has_answered:
            await self._tell(GENERIC)
        self._stop_timer()
        return False

    async def _tell(self, why: str) -> None:
        try:
            await self.private(why)
        except REFUSALS as error:
            log.warning("interaction not answered: %s", error, extra={"action": "answer"})
        self._stop_timer()

    async def public(
        self, text: str, *, view: discord.ui.View | None = None, files: list[discord.File] | None = None
    ) -> int | None:
        """Answer publicly; returns the message id, or None when it is unknown whether the message arrived."""
        return await self._say(Words(shorten(text, MESSAGE_LIMIT), view, files or ()))

    async def page(
        self, fitted: Callable[[int], Awaitable[Page]], limit: int, *, is_private: bool = False
    ) -> int | None:
        """Answer with a page; it is made again with half the bytes while Discord finds it too large.

        Raises `FileLimitTooSmall` where even small files are.
        """
        while True:
            page = await fitted(limit)
            said = dataclasses.replace(page, text=shorten(page.text, MESSAGE_LIMIT)).new()
            try:
                words = Words(said.get("content"), said.get("view"), said["files"], is_private=is_private)
                return await self._say(words)
            except discord.HTTPException as error:
                limit = smaller(limit, page, error)
                if not limit:
                    raise
                _prove_limit(limit)

    async def private(
        self,
        text: str,
        *,
        view: discord.ui.View | None = None,
        files: list[discord.File] | None = None,
        embed: discord.Embed | None = None,
    ) -> int | None:
        """Answer privately: only the member who asked sees it."""
        return await self._say(Words(shorten(text, MESSAGE_LIMIT), view, files or (), embed, is_private=True))

    async def modal(self, modal: discord.ui.Modal) -> None:
        """Open a modal: it must be the first response, so nothing slow may come before it."""
        async with self._lock:
            self._stop_timer()
            is_late = self._responder.is_acknowledged
            if not is_late:
                await self._responder.ask(modal)
        if is_late:
            await self.private("The form could not be opened in time. Please press again.")

    async def _say(self, said: Words) -> int | None:
        async with self._lock:
            self._stop_timer()
            return await self._responder.say(said)

    async def _defer_in_time(self) -> None:
        await asyncio.sleep(self._defer_after_s)
        async with self._lock:
            if not self._responder.is_acknowledged:
                await self._responder.defer()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer is not asyncio.current_task():
            self._timer.cancel()


__all__ = ["Answer", "Pressed"]


def _prove_limit(limit: int) -> None:
    if limit < SMALLEST_LIMIT:
        raise FileLimitTooSmall(limit)
