"""The first word to an interaction: at once when it can be, "thinking" when it takes longer, never too late."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import discord
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from bot.domain.prompt import shorten
from bot.errors import AlreadyAsked, BotError, FileLimitTooSmall
from bot.ui.darkroom import Darkroom
from bot.ui.delivery import SMALLEST_LIMIT
from bot.ui.page import Page
from bot.ui.replies import GENERIC, words
from bot.ui.texts import MESSAGE_LIMIT
from bot.ui.wire import NETWORK_ERRORS, REFUSALS, UNKNOWN_WEBHOOK, is_too_large
from engine.errors import EngineError

MODAL_AFTER_S = 1.5
"""Discord drops an interaction that heard nothing for 3 s, and a modal cannot come after a "thinking"."""

LIGHT_BYTES = 1024 * 1024
"""Files of this weight may come with the first word; heavier ones follow it."""

UNKNOWN_INTERACTION = 10062
"""Too late, or replayed after its end: nothing can be said any more."""
ACKNOWLEDGED = 40060
"""An earlier try of ours had arrived, though it seemed to fail."""
_UNANSWERABLE = frozenset({UNKNOWN_INTERACTION, ACKNOWLEDGED, UNKNOWN_WEBHOOK})
"""Besides: a token that is not known everywhere yet."""
_AGAIN_S, _TRIES = 1.0, 3

log = logging.getLogger(__name__)
Pressed = discord.Interaction[Darkroom]
T = TypeVar("T")


class Answer:
    """Answers one interaction exactly once; known errors raised inside become a private answer in words."""

    def __init__(self, interaction: Pressed, *, ephemeral: bool = False, may_ask: bool = False) -> None:
        """`ephemeral`: the answer is private anyway. `may_ask`: it may be a modal, so "thinking" comes late."""
        self._interaction = interaction
        self._ephemeral = ephemeral
        self._defer_after_s = MODAL_AFTER_S if may_ask else interaction.client.parts.defer_after_s
        self._lock = asyncio.Lock()
        self._sent = False
        self._promised = self._may_be_thinking = False
        self._timer: asyncio.Task[None] | None = None
        self.is_dead = False
        """Discord no longer takes answers to this interaction."""

    async def __aenter__(self) -> Self:
        self._interaction.client.first_words.begin(self._interaction.id)
        self._timer = asyncio.create_task(self._defer_in_time(), name=f"defer-{self._interaction.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        first_words = self._interaction.client.first_words
        try:
            return await self._end(error)
        finally:
            if self._promised and (self._sent or self.is_dead):
                await first_words.keep(self._interaction.id)
            elif self._promised and not isinstance(error, asyncio.CancelledError):
                first_words.owe(self._interaction)
            first_words.end(self._interaction.id)

    @property
    def was_given(self) -> bool:
        """The first word is said: what comes now stands behind it."""
        return self._sent

    def hand_over(self) -> None:
        """Somebody else sees to the first message from now on."""
        self._sent = True

    async def _end(self, error: BaseException | None) -> bool:
        if isinstance(error, AlreadyAsked):
            self._stop_timer()
            return True
        if isinstance(error, BotError | EngineError):
            await self._tell(words(error))
            return True
        if isinstance(error, Exception) and not self._sent:
            await self._tell(GENERIC)
        self._stop_timer()
        return False

    async def _tell(self, why: str) -> None:
        try:
            await self.private(why)
        except REFUSALS as error:
            log.warning("not answered: %s", error, extra={"action": "answer"})
        self._stop_timer()

    async def public(
        self, text: str, *, view: discord.ui.View | None = None, files: list[discord.File] | None = None
    ) -> int | None:
        """Say it to everybody; returns the message id, or None when it is not known whether it was said."""
        return await self._say(text, view, files or [], ephemeral=False)

    async def page(
        self, fitted: Callable[[int], Awaitable[Page]], limit: int, *, is_private: bool = False
    ) -> int | None:
        """Say a page to everybody (or privately), made for fewer bytes when Discord finds it too large.

        Raises `FileLimitTooSmall` where even small files are.
        """
        while True:
            page = await fitted(limit)
            try:
                say = self.private if is_private else self.public
                return await say(page.text, view=page.view, files=page.files())
            except discord.HTTPException as error:
                if not is_too_large(error):
                    raise
                limit //= 2
                if limit < SMALLEST_LIMIT:
                    raise FileLimitTooSmall(limit) from error

    async def private(
        self,
        text: str,
        *,
        view: discord.ui.View | None = None,
        files: list[discord.File] | None = None,
        embed: discord.Embed | None = None,
    ) -> int | None:
        """Say it to the one who asked only."""
        return await self._say(text, view, files or [], ephemeral=True, embed=embed)

    async def modal(self, modal: discord.ui.Modal) -> None:
        """Open a modal: it must be the first response, so nothing slow may come before it."""
        async with self._lock:
            self._stop_timer()
            is_late = self._interaction.response.is_done()
            if not is_late:
                self._sent = True
                try:
                    await self._interaction.response.send_modal(modal)
                except discord.HTTPException as error:
                    self._give_up(error)
        if is_late:
            await self.private("That took me too long to ask you for words. Please try again.")

    async def _defer_in_time(self) -> None:
        await asyncio.sleep(self._defer_after_s)
        async with self._lock:
            if not self._interaction.response.is_done():
                try:
                    await self._think(ephemeral=self._ephemeral)
                except REFUSALS as error:
                    # The answer itself is still to come, and tells better what is wrong.
                    self._may_be_thinking = isinstance(error, NETWORK_ERRORS)
                    log.info("not deferred: %s", error, extra={"action": "answer"})

    async def _think(self, *, ephemeral: bool) -> bool:
        self._promised = True
        await self._interaction.client.first_words.promise(self._interaction)
        await self._interaction.response.defer(thinking=True, ephemeral=ephemeral)
        return True

    async def _say(
        self,
        text: str,
        view: discord.ui.View | None,
        files: list[discord.File],
        *,
        ephemeral: bool,
        embed: discord.Embed | None = None,
    ) -> int | None:
        text = shorten(text, MESSAGE_LIMIT)
        async with self._lock:
            self._stop_timer()
            try:
                say = functools.partial(self._deliver, text, view, files, embed, ephemeral=ephemeral)
                message_id: int | None = await self._patiently(say)
            except discord.HTTPException as error:
                self._give_up(error)
                return None
            self._sent = True
            return message_id

    @property
    def _patiently(self) -> AsyncRetrying:
        """After a dropped connection, say it again: a first word arrives once, and may be changed as often as needed.

        What stands behind it would arrive twice, so that is left.
        """
        again = retry_if_exception(lambda error: isinstance(error, NETWORK_ERRORS) and not self._sent)
        return AsyncRetrying(retry=again, stop=stop_after_attempt(_TRIES), wait=wait_fixed(_AGAIN_S), reraise=True)

    async def _deliver(
        self,
        text: str,
        view: discord.ui.View | None,
        files: list[discord.File],
        embed: discord.Embed | None,
        *,
        ephemeral: bool,
    ) -> int | None:
        interaction, response = self._interaction, self._interaction.response
        shown = view if view is not None else discord.utils.MISSING
        card = embed if embed is not None else discord.utils.MISSING
        is_first = not response.is_done()
        if _weight(files) > LIGHT_BYTES and is_first:
            # An upload may take longer than the 3 s Discord waits for a first word.
            is_first = False
            if await self._first(self._think(ephemeral=ephemeral)):
                self._ephemeral = ephemeral
        if is_first:
            word = response.send_message(text, view=shown, files=files, embed=card, ephemeral=ephemeral)
            if sent := await self._first(word):
                return sent.message_id
            _rewind(files)
        if not self._sent and ephemeral and not self._ephemeral:
            # A public "thinking" stays public: end it, take it away, and speak privately behind it.
            with contextlib.suppress(discord.NotFound):
                await interaction.edit_original_response(content="✖️")
                await interaction.delete_original_response()
            self._sent = True
        if self._sent:
            followup = await interaction.followup.send(
                text, view=shown, files=files, embed=card, ephemeral=ephemeral, wait=True
            )
            return followup.id
        edited = await interaction.edit_original_response(content=text, view=view, attachments=files, embed=embed)
        return edited.id

    async def _first(self, word: Awaitable[T]) -> T | None:
        """A first response; None when an earlier one of ours has arrived, though it seemed to fail."""
        try:
            return await word
        except discord.HTTPException as error:
            if error.code != ACKNOWLEDGED and not self._may_be_thinking:
                raise
            return None

    def _give_up(self, error: discord.HTTPException) -> None:
        if error.code not in _UNANSWERABLE:
            raise error
        self.is_dead = error.code == UNKNOWN_INTERACTION
        log.info("not answered: %s", error, extra={"action": "answer", "interaction_id": self._interaction.id})

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer is not asyncio.current_task():
            self._timer.cancel()


def _weight(files: list[discord.File]) -> int:
    total = sum(file.fp.seek(0, io.SEEK_END) for file in files)
    _rewind(files)
    return total


def _rewind(files: list[discord.File]) -> None:
    for file in files:
        file.fp.seek(0)
