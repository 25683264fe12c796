"""Edit pacing: previews as often as Discord takes them, by its rate limits, its refusals, and how long edits take."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from types import SimpleNamespace

import aiohttp
import discord
from discord.http import json_or_text

SLOWEST_S = 15.0
CHANNEL_EDITS = 4
CHANNEL_PERIOD_S = 5.0
"""Discord takes about 5 edits in 5 s in a channel; one is left for results."""
_KEPT_FREE = 1
"""Edits of a bucket that previews leave to the result."""
_BUCKETS = (
    (re.compile(r"/webhooks/\d+/([^/]+)/messages/"), "webhook"),
    (re.compile(r"/channels/(\d+)/messages/"), "channel"),
)


class Pace:
    """The cadence of one reply's previews, learnt from how long edits take and from refusals. Times in seconds."""

    def __init__(self, interval_s: float) -> None:
        self._shortest = self._interval = interval_s
        self._next_at = self._refused_until = 0.0

    def wait_s(self, now: float, *, is_urgent: bool = False) -> float:
        """How long to wait before the next edit; an urgent one only respects refusals."""
        return max(0.0, (self._refused_until if is_urgent else self._next_at) - now)

    def sent(self, started: float, ended: float) -> None:
        """An edit went through. discord.py sleeps inside the call when a limit is reached: slow means too often."""
        self._interval = min(SLOWEST_S, max(self._shortest, (ended - started) * 1.5, self._interval * 0.8))
        self._next_at = started + self._interval

    def refused(self, now: float, retry_after_s: float) -> None:
        """Discord or the network refused: wait that long, and go at half the speed afterwards."""
        self._interval = min(SLOWEST_S, max(self._interval * 2, 1.0))
        self._next_at = self._refused_until = now + max(retry_after_s, self._interval)


class ChannelWindows:
    """Counts the edits that the bot makes itself, without a token: all replies in a channel share one limit."""

    def __init__(self, edits: int = CHANNEL_EDITS, period_s: float = CHANNEL_PERIOD_S) -> None:
        self._edits, self._period_s = edits, period_s
        self._taken: dict[int, deque[float]] = {}
        """By channel the times of its newest edits, in seconds; channels without edits in the period are left out."""

    def wait_s(self, channel_id: int, now: float) -> float:
        """How many seconds until one more edit fits into the channel's limit."""
        taken = self._taken.get(channel_id, ())
        if len(taken) < self._edits:
            return 0.0
        return max(0.0, taken[-self._edits] + self._period_s - now)

    def take(self, channel_id: int, now: float) -> None:
        """Count one edit."""
        oldest = now - self._period_s
        self._taken = {channel: taken for channel, taken in self._taken.items() if taken[-1] > oldest}
        self._taken.setdefault(channel_id, deque(maxlen=self._edits)).append(now)

    def __len__(self) -> int:
        return len(self._taken)


class RateLimits:
    """Tells for each bucket how long previews wait, so that one edit stays free for the result.

    Read from the headers of Discord's answers (`X-RateLimit-Remaining`, `X-RateLimit-Reset-After`).
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def trace(self) -> aiohttp.TraceConfig:
        """Give this to discord.py as `http_trace`."""
        config = aiohttp.TraceConfig()
        config.on_request_end.append(self._ended)
        return config

    def wait_s(self, bucket: str, now: float) -> float:
        """How many seconds to send nothing to the bucket."""
        until = self._until.get(bucket, 0.0)
        if until <= now:
            self._until.pop(bucket, None)
        return max(0.0, until - now)

    async def _ended(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        response = ended.response
        if response.status == 429:
            await _refuse_what_says_nothing(response)
        elif response.status < 300 and ended.url.path.startswith("/api/") and ended.method != "DELETE":
            await _require_readable(response)
        bucket = _bucket(ended.url.path) if ended.method == "PATCH" else None
        remaining, reset_after = (response.headers.get(f"X-RateLimit-{name}") for name in ("Remaining", "Reset-After"))
        if bucket is None or remaining is None or reset_after is None:
            return
        if float(remaining) <= _KEPT_FREE:
            self._forget_past()
            self._until[bucket] = _loop_time() + float(reset_after)

    def _forget_past(self) -> None:
        now = _loop_time()
        self._until = {bucket: until for bucket, until in self._until.items() if until > now}


async def _refuse_what_says_nothing(response: aiohttp.ClientResponse) -> None:
    """discord.py waits as long as the body says, and breaks over one that says nothing: proxies send such."""
    try:
        float((await json_or_text(response))["retry_after"])  # pyright: ignore[reportArgumentType, reportCallIssue]
    except (ValueError, TypeError, KeyError):
        raise discord.HTTPException(response, await response.text()) from None


async def _require_readable(response: aiohttp.ClientResponse) -> None:
    """Raise what a lost connection does: a body that is cut off, or a proxy's page, leaves open what was done, too.

    discord.py breaks over either.
    """
    if response.status == 204:
        return
    try:
        body = await json_or_text(response)
    except ValueError as error:
        raise aiohttp.ClientPayloadError("an answer that cannot be read") from error
    if isinstance(body, str):
        raise aiohttp.ClientPayloadError("an answer that is not JSON")


def _bucket(path: str) -> str | None:
    for pattern, kind in _BUCKETS:
        if found := pattern.search(path):
            return f"{kind}:{found[1]}"
    return None


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
