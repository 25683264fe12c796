"""Discord's rate limits as its headers tell them: five calls in two seconds a webhook token, five in five a channel."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.wire.world import as_json


@dataclass
class Limits:
    """Sliding windows by bucket; counts what was refused."""

    refused: list[str] = field(default_factory=list)
    _calls: dict[str, deque[float]] = field(default_factory=dict)

    @staticmethod
    def bucket(request: web.Request) -> tuple[str, int, float] | None:
        """Bucket name, calls and seconds; None when not limited."""
        parts = request.path.split("/")[3:]
        if parts[:1] == ["webhooks"]:
            return "/".join(parts[:3]), 5, 2.0
        if parts[:1] == ["channels"] and request.method in ("POST", "PATCH"):
            return f"{parts[0]}/{parts[1]}/{request.method}", 5, 5.0
        return None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse with 429 what is too much; put the headers on everything else."""
        limit = self.bucket(request)
        if limit is None:
            return await handler(request)
        name, most, per_s = limit
        now = time.monotonic()
        calls = self._calls.setdefault(name, deque())
        while calls and now - calls[0] > per_s:
            calls.popleft()
        wait = per_s - (now - calls[0]) if calls else per_s
        if len(calls) >= most:
            self.refused.append(f"{request.method} {name}")
            body = {"message": "You are being rate limited.", "retry_after": round(wait, 3), "global": False}
            headers = {"Via": "1.1 here", "Retry-After": str(int(wait) + 1), **self._headers(name, most, 0, wait)}
            return as_json(body, status=429, headers=headers)
        calls.append(now)
        response = await handler(request)
        response.headers.update(self._headers(name, most, most - len(calls), per_s - (now - calls[0])))
        return response

    @staticmethod
    def _headers(name: str, most: int, left: int, wait: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Scope": "user",
            "X-RateLimit-Reset": f"{time.time() + wait:.3f}",
            "X-RateLimit-Reset-After": f"{wait:.3f}",
            "X-RateLimit-Bucket": str(abs(hash(name)) % 10**8),
        }
