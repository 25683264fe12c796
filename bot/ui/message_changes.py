"""Changes to messages of ours: in threads that were archived meanwhile, and again where Discord or the line fails."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from bot.errors import DeliveryLater
from bot.ui.discord_errors import ARCHIVED, delivery_error, is_passing

TRIES, LONGEST_PAUSE_S = 4, 60.0

T = TypeVar("T")


async def awake(client: discord.Client, channel_id: int, change: Callable[[], Awaitable[T]]) -> T:
    """Make a change in a channel, after waking it where it is an archived thread.

    Raises what discord.py and aiohttp raise; a thread that moderators have locked is not woken.
    """
    try:
        return await change()
    except discord.HTTPException as error:
        if error.code != ARCHIVED or not await _is_woken(client, channel_id):
            raise
    return await change()


async def insist(client: discord.Client, channel_id: int, change: Callable[[], Awaitable[T]]) -> T:
    """As `awake`, and again after pauses where Discord or the line fails: for what must not stay as it is."""
    again = AsyncRetrying(
        retry=retry_if_exception(is_passing), stop=stop_after_attempt(TRIES), wait=_pause_s, reraise=True
    )
    return await again(functools.partial(awake, client, channel_id, change))


async def _is_woken(client: discord.Client, channel_id: int) -> bool:
    """Open the thread again, as whoever may write in it can. Raises what may pass."""
    try:
        thread = await client.fetch_channel(channel_id)
        if not isinstance(thread, discord.Thread) or thread.locked:
            return False
        await thread.edit(archived=False)
    except discord.HTTPException as error:
        if is_passing(error):
            raise
        return False
    return True


def _pause_s(state: RetryCallState) -> float:
    error = state.outcome and state.outcome.exception()
    later = delivery_error("", error) if isinstance(error, Exception) else None
    asked_s = later.retry_after_s if isinstance(later, DeliveryLater) else 0.0
    return min(LONGEST_PAUSE_S, max(asked_s, 2.0 ** (state.attempt_number - 1)))
