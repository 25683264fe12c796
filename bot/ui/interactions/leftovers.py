"""Leftovers: interactions that an earlier process acknowledged and did not finish; they run as if they came now."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import discord
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential

from bot.domain.jobs.pending_answers import Payload, PendingAnswer, PendingAnswers
from bot.domain.prompting.prompt import shorten
from bot.errors import StoreError
from bot.ui.content.texts import MESSAGE_LIMIT
from bot.ui.discord_errors import REFUSALS, TOKEN_SPENT, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, is_passing
from bot.ui.interactions.asker import as_of_now
from bot.ui.interactions.gateway_guard import GatewayGuard
from bot.ui.interactions.interaction_responder import TAKEN_AWAY
from bot.ui.interactions.pending_answers import INTERRUPTED, AnswerTracker, Before
from bot.ui.interactions.services import Darkroom
from bot.ui.job_reply.reply_message import Original

MAX_TRIES = 10
"""How often an interaction is taken up: one that crashes the bot must not do so for ever."""
TOO_LATE = "Darkroom was away for too long to take what you asked for here. Nothing was charged; please ask again."
TOLD_WITHIN = timedelta(days=1)
"""Later nobody remembers having asked."""
_ASKED_FOR_S = 600.0

log = logging.getLogger(__name__)


class Leftovers:
    """Recalled before the first event arrives, taken up when the bot knows its servers."""

    def __init__(
        self, client: Darkroom, tracker: AnswerTracker, pending_answers: PendingAnswers | None, events: GatewayGuard
    ) -> None:
        self._client, self._tracker, self._pending_answers, self._events = client, tracker, pending_answers, events
        self._left: Sequence[PendingAnswer] = ()

    async def recall(self) -> bool:
        """Read the leftovers, and drop gateway events that repeat them; tells whether there are any."""
        if self._pending_answers is None:
            return False
        try:
            self._left = await self._pending_answers.unanswered()
        except StoreError as error:
            log.warning("unanswered interactions not read: %s", error, extra={"action": "answer"})
        self._events.ignore(pending_answer.interaction_id for pending_answer in self._left)
        return bool(self._left)

    async def take_up(self) -> None:
        """Run each leftover once; where its token has expired, say so in the channel."""
        left, self._left = self._left, ()
        for guild_id in {pending_answer.guild_id for pending_answer in left}:
            await self._client.wait_until_there(guild_id)
        late = [pending_answer for pending_answer in left if self._is_late(pending_answer)]
        # All at once: one after the other over a slow line, the last would be taken up after their token's end.
        others = (self._take_up(pending_answer) for pending_answer in left if pending_answer not in late)
        await asyncio.gather(self._tell_late(late), *others)

    def _is_late(self, pending_answer: PendingAnswer) -> bool:
        return self._client.services.clock() >= pending_answer.expires_at

    async def _take_up(self, pending_answer: PendingAnswer) -> None:
        payload = pending_answer.payload
        if payload is None or pending_answer.tries >= MAX_TRIES:
            await self._tracker.apologise(self._client, pending_answer, INTERRUPTED)
            return
        try:
            before = await self._before(pending_answer)
        except REFUSALS as error:
            log.info(
                "not taken up: %s", error, extra={"action": "answer", "interaction_id": pending_answer.interaction_id}
            )
            if self._is_late(pending_answer) or (
                isinstance(error, discord.HTTPException) and error.code in TOKEN_SPENT
            ):
                await self._tell_late([pending_answer])
            return
        if before is None:
            await self._tracker.note_answered(pending_answer.interaction_id)
        else:
            await self._begin(pending_answer, {**payload, "token": pending_answer.token}, before)

    async def _before(self, pending_answer: PendingAnswer) -> Before | None:
        """The response it had; None when nothing is left to do, or nothing was acknowledged."""
        webhook = discord.Webhook.partial(pending_answer.application_id, pending_answer.token, client=self._client)
        again = AsyncRetrying(
            retry=retry_if_exception(is_passing), wait=wait_exponential(max=60.0), stop=stop_after_delay(_ASKED_FOR_S),
            reraise=True,
        )  # fmt: skip
        try:
            message: discord.WebhookMessage = await again(webhook.fetch_message, Original())
            if message.content == TAKEN_AWAY:
                await webhook.delete_message(Original())
        except discord.NotFound as error:
            if error.code == UNKNOWN_WEBHOOK and not self._is_late(pending_answer):
                return None
            if error.code != UNKNOWN_MESSAGE:
                raise
            return Before(pending_answer.is_private, has_answered=True)
        if message.flags.loading:
            return Before(message.flags.ephemeral, has_answered=False)
        is_unsaid = pending_answer.goes_on or message.content == TAKEN_AWAY
        return Before(message.flags.ephemeral, has_answered=True) if is_unsaid else None

    async def _begin(self, pending_answer: PendingAnswer, payload: Payload, before: Before) -> None:
        present = await as_of_now(self._client, payload)
        if present is None:
            await self._tracker.apologise(self._client, pending_answer, INTERRUPTED)
            return
        await self._tracker.note(pending_answer.model_copy(update={"tries": pending_answer.tries + 1}))
        log.info("pending answer taken up", extra={"action": "answer", "interaction_id": pending_answer.interaction_id})
        self._tracker.resume(pending_answer.interaction_id, before)
        self._events.again(present)

    async def _tell_late(self, pending_answers: Sequence[PendingAnswer]) -> None:
        """Post one message in each channel where "thinking…" was public and the bot may write."""
        by_channel = defaultdict[tuple[int, int | None], list[PendingAnswer]](list)
        oldest = self._client.services.clock() - TOLD_WITHIN
        for pending_answer in pending_answers:
            if pending_answer.channel_id and not pending_answer.is_private and pending_answer.expires_at > oldest:
                by_channel[pending_answer.channel_id, pending_answer.guild_id].append(pending_answer)
        for (channel_id, guild_id), those in by_channel.items():
            if guild_id is not None and self._client.get_guild(guild_id) is None:
                continue
            who = " ".join(dict.fromkeys(f"<@{pending_answer.member_id}>" for pending_answer in those))
            channel = self._client.get_partial_messageable(channel_id, guild_id=guild_id)
            try:
                await channel.send(f"{shorten(who, MESSAGE_LIMIT - len(TOO_LATE) - 1)} {TOO_LATE}")
            except REFUSALS as error:
                log.info("member not told of the failure: %s", error, extra={"action": "answer"})
        for pending_answer in pending_answers:
            await self._tracker.note_answered(pending_answer.interaction_id)
