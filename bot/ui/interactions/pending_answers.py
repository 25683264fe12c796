"""Tracks pending answers: a stop waits for them, and after a crash the next process gives them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import discord

from bot.domain.jobs.pending_answers import Payload, PendingAnswer, PendingAnswers
from bot.errors import StoreError
from bot.ui.content.error_texts import GENERIC
from bot.ui.discord_errors import REFUSALS, is_passing
from bot.ui.interactions.gateway_guard import GatewayGuard
from bot.ui.job_reply.reply_message import Original

NOTE_WITHIN_S = 1.0
"""The longest wait for the store, in seconds: Discord waits only 3 s for the first response."""
AGAIN_S = (2.0, 10.0, 60.0, 300.0)
INTERRUPTED = "Darkroom was restarted before it could take this. Nothing was charged; please ask again."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Before:
    """The response of an earlier process to an interaction."""

    is_private: bool
    """Only the member who asked sees "thinking…" and the answer in its place."""
    has_answered: bool
    """The first response was sent, not only "thinking…"."""


class AnswerTracker:
    """Knows the interactions that are being answered, and stores those that must outlive this process."""

    def __init__(self, store: PendingAnswers | None, clock: Callable[[], datetime], events: GatewayGuard) -> None:
        self._store, self._clock, self._events = store, clock, events
        self._open: set[int] = set()
        self._all_said = asyncio.Event()
        self._all_said.set()
        self._before: dict[int, Before] = {}
        self._pending: dict[int, PendingAnswer] = {}
        self._apologies: set[asyncio.Task[None]] = set()

    def begin(self, interaction_id: int) -> None:
        """Note that a member waits for an answer."""
        self._open.add(interaction_id)
        self._all_said.clear()

    def end(self, interaction_id: int) -> None:
        """Note that the answer was given, or cannot be given."""
        for kept in (self._before, self._pending):
            kept.pop(interaction_id, None)
        self._events.answered(interaction_id)
        self._open.discard(interaction_id)
        if not self._open:
            self._all_said.set()

    def resume(self, interaction_id: int, before: Before) -> None:
        """Note that this process is about to answer an interaction of an earlier one."""
        self._before[interaction_id] = before

    def before(self, interaction_id: int) -> Before | None:
        """The response of an earlier process; None for an interaction that came to this one."""
        return self._before.get(interaction_id)

    async def all_said(self, within_s: float) -> None:
        """Wait for the answers under way, at most `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self._all_said.wait()
        except TimeoutError:
            log.warning("stopped with %d answers open", len(self._open), extra={"action": "stop"})

    async def store_pending(
        self, interaction: discord.Interaction[discord.Client], *, is_private: bool = False, goes_on: bool = False
    ) -> None:
        """Store an interaction before it shows "thinking…"."""
        pending_answer = _pending_answer(interaction, self._events.at_hand(interaction.id))
        await self.note(pending_answer.model_copy(update={"is_private": is_private, "goes_on": goes_on}))

    async def settle(self, interaction: discord.Interaction[discord.Client], options: Mapping[str, str]) -> None:
        """Fix a command's open options before it is done: taken up after a crash it must mean the same."""
        if (payload := self._events.at_hand(interaction.id)) is None:
            return
        given = [{"name": name, "type": 3, "value": value} for name, value in options.items()]
        payload = {**payload, "data": {**payload["data"], "options": given}}
        self._events.amend(interaction.id, payload)
        if pending_answer := self._pending.get(interaction.id):
            await self.note(pending_answer.model_copy(update={"payload": _without_token(payload)}))

    async def note(self, pending_answer: PendingAnswer) -> None:
        """Store a pending answer; when the store fails, the answer is given all the same."""
        self._pending[pending_answer.interaction_id] = pending_answer
        if self._store is None:
            return
        try:
            async with asyncio.timeout(NOTE_WITHIN_S):
                await self._store.store(pending_answer)
        except (StoreError, TimeoutError) as error:
            log.warning("pending answer not stored: %s", type(error).__name__, extra={"action": "answer"})

    async def note_answered(self, interaction_id: int) -> None:
        """The answer was sent: delete the pending answer."""
        if self._store is None:
            return
        try:
            await self._store.delete(interaction_id)
        except StoreError as error:
            log.warning("pending answer not stored: %s", error, extra={"action": "answer"})

    async def forget(self, member_id: int, but: int) -> None:
        """Delete a member's pending answers, except for one interaction. Raises `StoreError`."""
        if self._store is not None:
            await self._store.forget(member_id, but)

    def apologise_later(self, interaction: discord.Interaction[discord.Client]) -> None:
        """Replace a "thinking…" that may still be shown by an apology, in the background."""
        apology = self.apologise(interaction.client, _pending_answer(interaction), GENERIC)
        task = asyncio.create_task(apology, name=f"apology-{interaction.id}")
        self._apologies.add(task)
        task.add_done_callback(self._apologies.discard)

    async def apologise(self, client: discord.Client, pending_answer: PendingAnswer, words: str) -> None:
        """Replace a "thinking…" that is still shown; tries again after 2, 10, 60 and 300 s."""
        for pause_s in (*AGAIN_S, None):
            try:
                await self._tell(client, pending_answer, words)
            except REFUSALS as error:
                if not is_passing(error):
                    break  # the token is over, or the message gone: there is nobody to tell
                log.info("member not told of the failure: %s", error, extra={"action": "answer"})
            else:
                break
            if pause_s is None:
                return
            await asyncio.sleep(pause_s)
        await self.note_answered(pending_answer.interaction_id)

    async def _tell(self, client: discord.Client, pending_answer: PendingAnswer, words: str) -> None:
        if self._clock() >= pending_answer.expires_at:
            return
        webhook = discord.Webhook.partial(pending_answer.application_id, pending_answer.token, client=client)
        message = await webhook.fetch_message(Original())
        if message.flags.loading:
            await webhook.edit_message(Original(), content=words)


def _pending_answer(interaction: discord.Interaction[discord.Client], payload: Payload | None = None) -> PendingAnswer:
    return PendingAnswer(
        interaction_id=interaction.id,
        application_id=interaction.application_id,
        token=interaction.token,
        expires_at=interaction.expires_at,
        payload=payload and _without_token(payload),
    )


def _without_token(payload: Payload) -> Payload:
    """It is kept once, where nothing that is shown or exported reads it."""
    return {name: value for name, value in payload.items() if name != "token"}
