"""Responses to one interaction, in the order Discord takes them: first response, its edit, follow-ups."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import discord
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from bot.ui.discord_errors import NETWORK_ERRORS, REFUSALS, TOKEN_SPENT, UNKNOWN_WEBHOOK
from bot.ui.interactions import follow_ups
from bot.ui.interactions.services import Darkroom

LIGHT_BYTES = 1024 * 1024
"""The largest files, in bytes, that are sent with the first response; larger ones follow it."""

TAKEN_AWAY = "✖️"
"""The text of a public "thinking…" before it is deleted: the answer that follows is private."""

UNKNOWN_INTERACTION = 10062
"""The response is too late, or the interaction was replayed after its end: Discord takes no answer."""
ACKNOWLEDGED = 40060
"""An earlier try had arrived, though it seemed to fail."""
_UNANSWERABLE = TOKEN_SPENT | {ACKNOWLEDGED}
"""Codes after which an interaction cannot be answered."""
_AGAIN_S, _TRIES = 1.0, 3

log = logging.getLogger(__name__)
Pressed = discord.Interaction[Darkroom]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Words:
    """One answer: text, buttons, files, and whether only the member who asked sees it."""

    text: str | None
    """None: the view is an album, and its text stands in it."""
    view: discord.ui.View | discord.ui.LayoutView | None = None
    files: Sequence[discord.File] = ()
    embed: discord.Embed | None = None
    is_private: bool = False

    def new(self) -> dict[str, Any]:
        """Arguments for a new message."""
        parts = {"content": self.text, "view": self.view, "embed": self.embed}
        given = {name: part for name, part in parts.items() if part is not None}
        return {"files": list(self.files), "ephemeral": self.is_private, **given}

    def weight(self) -> int:
        """The total size of the files in bytes."""
        total = sum(file.fp.seek(0, io.SEEK_END) for file in self.files)
        self.rewind()
        return total

    def rewind(self) -> None:
        """Rewind the files, so that they can be sent once more."""
        for file in self.files:
            file.fp.seek(0)


class InteractionResponder:
    """Sends the responses to one interaction."""

    def __init__(self, interaction: Pressed, *, is_private: bool) -> None:
        """`is_private`: only the member who asked sees "thinking…" and the answer in its place."""
        self._interaction, self._is_private = interaction, is_private
        self._may_be_thinking = False
        self.has_answered = False
        """Whether the first response was sent; a further message is a follow-up."""
        self.is_pending = False
        """Whether the interaction was stored as a pending answer: "thinking…" is shown, or may be."""
        self.is_dead = False
        """Discord no longer takes answers to this interaction."""
        self.goes_on = False
        """The command begins more after its first response."""
        if before := interaction.client.answer_tracker.before(interaction.id):
            self.is_pending, self.has_answered, self._is_private = True, before.has_answered, before.is_private
            # An earlier process has sent the first response.
            done = discord.InteractionResponseType.deferred_channel_message
            interaction.response._response_type = done  # pyright: ignore[reportPrivateUsage]

    @property
    def is_acknowledged(self) -> bool:
        """Whether Discord has received a response."""
        return self._interaction.response.is_done()

    async def defer(self) -> None:
        """Show "thinking…"; when Discord refuses, the answer itself will tell what is wrong."""
        try:
            await self._defer_as(is_private=self._is_private)
        except REFUSALS as error:
            self._may_be_thinking = isinstance(error, NETWORK_ERRORS)
            log.info("interaction not deferred: %s", error, extra={"action": "answer"})

    async def ask(self, modal: discord.ui.Modal) -> None:
        """Open a form, as the first response."""
        await self._insist(functools.partial(self._interaction.response.send_modal, modal))
        self.has_answered = True

    async def say(self, words: Words) -> int | None:
        """Send an answer; returns the message id, or None when it is unknown whether the message arrived."""
        return await self._insist(functools.partial(self._say, words))

    async def _insist(self, send: Callable[[], Awaitable[T]]) -> T | None:
        """Send a response, again when it was lost; None where Discord takes none."""
        again = AsyncRetrying(
            retry=retry_if_exception(self._is_lost), stop=stop_after_attempt(_TRIES), wait=wait_fixed(_AGAIN_S),
            reraise=True,
        )  # fmt: skip
        try:
            sent: T = await again(send)
        except discord.HTTPException as error:
            self._give_up(error)
            return None
        self.has_answered = True
        return sent

    def _is_lost(self, error: BaseException) -> bool:
        """Whether the same may be sent again: it did not arrive, or Discord takes it once.

        A first response and edits are taken once. A follow-up over a dropped connection could arrive twice. A token
        that Discord does not know, for a moment right after the acknowledgement, has taken nothing.
        """
        if isinstance(error, discord.HTTPException):
            return error.code == UNKNOWN_WEBHOOK
        return isinstance(error, NETWORK_ERRORS) and not self.has_answered

    async def _say(self, words: Words) -> int | None:
        is_first = not self.is_acknowledged
        if words.weight() > LIGHT_BYTES and is_first:
            # An upload may take longer than the 3 s Discord waits for a first response.
            is_first = False
            if await self._first(self._defer_as(is_private=words.is_private)):
                self._is_private = words.is_private
        if is_first:
            said = await self._first(self._interaction.response.send_message(**words.new()))
            if said is not None:
                return said.message_id
            words.rewind()
        if not self.has_answered and words.is_private and not self._is_private:
            await self._take_thinking_away()
        if self.has_answered:
            return await follow_ups.send(self._interaction, words.new())
        edited = await self._interaction.edit_original_response(
            content=words.text, view=words.view, attachments=words.files, embed=words.embed
        )
        return edited.id

    async def store_pending(self, *, is_private: bool | None = None, goes_on: bool = False) -> None:
        """Store the interaction as a pending answer: the next process takes it up if this one does not finish it."""
        self.is_pending = True
        self.goes_on = self.goes_on or goes_on
        is_private = self._is_private if is_private is None else is_private
        answer_tracker = self._interaction.client.answer_tracker
        await answer_tracker.store_pending(self._interaction, is_private=is_private, goes_on=self.goes_on)

    async def _defer_as(self, *, is_private: bool) -> bool:
        await self.store_pending(is_private=is_private)
        await self._interaction.response.defer(thinking=True, ephemeral=is_private)
        return True

    async def _take_thinking_away(self) -> None:
        """Delete a public "thinking…", so that the private answer can follow it."""
        with contextlib.suppress(discord.NotFound):
            await self._interaction.edit_original_response(content=TAKEN_AWAY)
            await self._interaction.delete_original_response()
        self.has_answered = True

    async def _first(self, word: Awaitable[T]) -> T | None:
        """Send a first response; None when an earlier one had arrived, though it seemed to fail."""
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
        log.info(
            "interaction not answered: %s", error, extra={"action": "answer", "interaction_id": self._interaction.id}
        )
