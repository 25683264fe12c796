"""Discord's rate limits, read from the headers of its answers."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace

import aiohttp
import discord
from discord.http import json_or_text

_KEPT_FREE = 1
_PATHS = (
    (re.compile(r"/webhooks/\d+/([^/]+)/messages/"), "webhook"),
    (re.compile(r"/channels/(\d+)/messages/"), "channel"),
)


class RateLimits:
    """Tells for each bucket how long previews wait, so that one edit stays free for the result."""

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


def _bucket(path: str) -> str | None:
    for pattern, kind in _PATHS:
        if found := pattern.search(path):
            return f"{kind}:{found[1]}"
    return None


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
