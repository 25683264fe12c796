"""One interaction and what was said to it so far: the first word, what it is changed into, what stands behind it."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import discord
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from bot.ui.discord_errors import NETWORK_ERRORS, REFUSALS, UNKNOWN_WEBHOOK
from bot.ui.interactions.services import Darkroom

LIGHT_BYTES = 1024 * 1024
"""Files of this weight may come with the first word; heavier ones follow it."""

TAKEN_AWAY = "✖️"
"""What a public "thinking" becomes for a moment before it goes: what is said next is private."""

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


@dataclass(frozen=True, slots=True)
class Words:
    """What is said at once, to everybody or to the one who asked only."""

    text: str
    view: discord.ui.View | None = None
    files: Sequence[discord.File] = ()
    embed: discord.Embed | None = None
    is_private: bool = False

    def new(self) -> dict[str, Any]:
        """As a message that was not there before."""
        parts = {"view": self.view, "embed": self.embed}
        given = {name: part for name, part in parts.items() if part is not None}
        return {"files": list(self.files), "ephemeral": self.is_private, **given}

    def weight(self) -> int:
        """How many bytes the files have."""
        total = sum(file.fp.seek(0, io.SEEK_END) for file in self.files)
        self.rewind()
        return total

    def rewind(self) -> None:
        """Let the files be sent once more."""
        for file in self.files:
            file.fp.seek(0)


class InteractionResponder:
    """Says things to one interaction, in the only order Discord takes them."""

    def __init__(self, interaction: Pressed, *, is_private: bool) -> None:
        """`is_private`: what "thinking" announces is for the one who asked only."""
        self._interaction, self._is_private = interaction, is_private
        self._may_be_thinking = False
        self.has_spoken = False
        """The first word is said: what comes now stands behind it."""
        self.has_promised = False
        """ "Thinking…" was said, or may have been."""
        self.is_dead = False
        """Discord no longer takes answers to this interaction."""
        self.goes_on = False
        """More is begun after the first word."""
        if before := interaction.client.answer_tracker.before(interaction.id):
            self.has_promised, self.has_spoken, self._is_private = True, before.has_spoken, before.is_private
            # An earlier process has said it, in the place of this response.
            done = discord.InteractionResponseType.deferred_channel_message
            interaction.response._response_type = done  # pyright: ignore[reportPrivateUsage]

    @property
    def is_acknowledged(self) -> bool:
        """Discord has heard something of us already."""
        return self._interaction.response.is_done()

    async def defer(self) -> None:
        """Show "thinking…"; a refusal is left to the answer itself, which tells better what is wrong."""
        try:
            await self._think(is_private=self._is_private)
        except REFUSALS as error:
            self._may_be_thinking = isinstance(error, NETWORK_ERRORS)
            log.info("not deferred: %s", error, extra={"action": "answer"})

    async def ask(self, modal: discord.ui.Modal) -> None:
        """Open a form, as the first response."""
        self.has_spoken = True
        try:
            await self._interaction.response.send_modal(modal)
        except discord.HTTPException as error:
            self._give_up(error)

    async def say(self, words: Words) -> int | None:
        """Say it; returns the message id, or None when it is not known whether it was said.

        After a dropped connection it is said again: a first word arrives once, and may be changed as often as needed.
        What stands behind it would arrive twice, so that is left.
        """
        lost = retry_if_exception(lambda error: isinstance(error, NETWORK_ERRORS) and not self.has_spoken)
        again = AsyncRetrying(retry=lost, stop=stop_after_attempt(_TRIES), wait=wait_fixed(_AGAIN_S), reraise=True)
        try:
            message_id: int | None = await again(functools.partial(self._say, words))
        except discord.HTTPException as error:
            self._give_up(error)
            return None
        self.has_spoken = True
        return message_id

    async def _say(self, words: Words) -> int | None:
        is_first = not self.is_acknowledged
        if words.weight() > LIGHT_BYTES and is_first:
            # An upload may take longer than the 3 s Discord waits for a first word.
            is_first = False
            if await self._first(self._think(is_private=words.is_private)):
                self._is_private = words.is_private
        if is_first:
            said = await self._first(self._interaction.response.send_message(words.text, **words.new()))
            if said is not None:
                return said.message_id
            words.rewind()
        if not self.has_spoken and words.is_private and not self._is_private:
            await self._take_thinking_away()
        if self.has_spoken:
            return (await self._interaction.followup.send(words.text, **words.new(), wait=True)).id
        edited = await self._interaction.edit_original_response(
            content=words.text, view=words.view, attachments=words.files, embed=words.embed
        )
        return edited.id

    async def pending_answer(self, *, is_private: bool | None = None, goes_on: bool = False) -> None:
        """Have this interaction taken up by the next process if this one cannot answer it, or begin all it asks for."""
        self.has_promised = True
        self.goes_on = self.goes_on or goes_on
        is_private = self._is_private if is_private is None else is_private
        answer_tracker = self._interaction.client.answer_tracker
        await answer_tracker.pending_answer(self._interaction, is_private=is_private, goes_on=self.goes_on)

    async def _think(self, *, is_private: bool) -> bool:
        await self.pending_answer(is_private=is_private)
        await self._interaction.response.defer(thinking=True, ephemeral=is_private)
        return True

    async def _take_thinking_away(self) -> None:
        """A public "thinking" stays public: end it, and speak privately behind it."""
        with contextlib.suppress(discord.NotFound):
            await self._interaction.edit_original_response(content=TAKEN_AWAY)
            await self._interaction.delete_original_response()
        self.has_spoken = True

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
