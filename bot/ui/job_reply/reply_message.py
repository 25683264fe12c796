"""The reply of one job: edited with the interaction's token for 14 minutes, then by the bot itself."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import discord

from bot.domain.model import Job
from bot.ui.content.message_page import Page
from bot.ui.discord_errors import SHUT, TOKEN_SPENT, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, WRITE_ANEW, is_of_album
from bot.ui.message_changes import awake

HANDOVER = timedelta(seconds=60)
"""The token is not used in its last minute, so that no upload is cut off by minute 15."""


T = TypeVar("T")


def now() -> datetime:
    """The time in UTC as discord.py sees it."""
    return discord.utils.utcnow()


async def change(edit: Callable[..., Awaitable[T]], page: Page) -> T:
    """Make a message this page; one that was an album shows it as an album, for Discord changes none back."""
    try:
        return await edit(**page.changes())
    except discord.HTTPException as error:
        if page.is_album or not is_of_album(error):
            raise
    return await edit(**dataclasses.replace(page, is_album=True).changes())


class Original(int):
    """An interaction's first message, whatever its id: Discord takes this word in addresses where an id may stand."""

    def __str__(self) -> str:
        return "@original"

    def __format__(self, spec: str, /) -> str:
        return "@original"


class OutOfReach(Exception):
    """Neither way leads to the message any more: only a fresh interaction or a direct message does."""


class ReplyMessage:
    """Shows pages in the reply of one job."""

    def __init__(
        self,
        client: discord.Client,
        job: Job,
        clock: Callable[[], datetime],
        remember: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self._client, self._clock, self._remember = client, clock, remember
        self._job_id, self._guild_id = job.id, job.guild_id
        self._reply = job.reply
        self._token_spent = False
        self.message_id, self.channel_id = job.reply.message_id, job.reply.channel_id
        # A job that runs again was acknowledged before, even if its message's id was lost in a crash.
        self.may_be_open = job.epoch > 1

    @property
    def is_lasting(self) -> bool:
        """The bot can still edit the message when the token has expired."""
        return self._reply.bot_present and not self._reply.ephemeral

    @property
    def has_token(self) -> bool:
        """The interaction's token still works."""
        until = self._reply.expires_at
        if not self._reply.token or until is None or self._token_spent:
            return False
        # Where a message stands behind others and its id was lost, the token leads to the first one only.
        return self._clock() < until - HANDOVER and (self.message_id is not None or not self._reply.follows)

    @property
    def bucket(self) -> str:
        """Which of Discord's rate limits the next edit counts against."""
        return f"webhook:{self._reply.token}" if self.has_token else f"channel:{self._reply.channel_id}"

    async def show(self, page: Page) -> int:
        """Make the message this page and return its id; a message Discord no longer lets us edit is written anew.

        Raises `OutOfReach`, or what discord.py and aiohttp raise.
        """
        if self.has_token:
            try:
                return await self._by_token(page)
            except discord.HTTPException as error:
                # A reply that was never there, or one the bot wrote anew, which the token does not reach.
                not_its_own = error.code == UNKNOWN_MESSAGE and (self.message_id is None or self.is_lasting)
                if error.code not in TOKEN_SPENT | WRITE_ANEW and not not_its_own:
                    raise
                self._token_spent = True
        if not self.is_lasting:
            raise OutOfReach(self._job_id)
        try:
            return await self._by_bot(page)
        except discord.HTTPException as error:
            if error.code not in SHUT:
                raise
            raise OutOfReach(self._job_id) from error

    async def _by_token(self, page: Page) -> int:
        for attempt in range(2):
            try:
                return await self._edit_by_token(page)
            except discord.NotFound as error:
                # Seen for a moment right after the acknowledgement, before Discord knows the token everywhere.
                if error.code != UNKNOWN_WEBHOOK or attempt:
                    raise
                await asyncio.sleep(0.5)
        raise AssertionError("the loop returns or raises")

    async def _edit_by_token(self, page: Page) -> int:
        webhook = discord.Webhook.partial(self._reply.application_id, self._reply.token, client=self._client)
        edit = functools.partial(webhook.edit_message, self.message_id or Original())
        return await self._found((await change(edit, page)).id)

    async def _by_bot(self, page: Page) -> int:
        if self.message_id is None:
            return await self._write_anew(page)
        channel = self._client.get_partial_messageable(self._reply.channel_id, guild_id=self._guild_id)
        edit = functools.partial(change, channel.get_partial_message(self.message_id).edit, page)
        try:
            await awake(self._client, self._reply.channel_id, edit)
        except discord.HTTPException as error:
            if error.code not in WRITE_ANEW:
                raise
            return await self._write_anew(page)
        return self.message_id

    async def _write_anew(self, page: Page) -> int:
        channel = self._client.get_partial_messageable(self._reply.channel_id, guild_id=self._guild_id)
        # Discord answers a repeated nonce with the message it already has: a retry posts nothing twice.
        message = await channel.send(**page.new(), nonce=f"dr-{self._job_id}")
        return await self._found(message.id)

    async def _found(self, message_id: int) -> int:
        """Write down where the reply is, so that a crash does not make a second one."""
        if message_id != self.message_id:
            await self._remember(self._job_id, message_id)
            self.message_id = message_id
        return message_id
