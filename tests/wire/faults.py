"""What can go wrong between the bot and Discord, on demand."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.wire.world import as_json


@dataclass
class Faults:
    """Each probability is tried for every REST request; `seed` makes a run repeatable."""

    server_error: float = 0.0
    reset: float = 0.0
    rate_limited: float = 0.0
    late_s: float = 0.0
    seed: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.server_error = self.reset = self.rate_limited = self.late_s = 0.0

    def _count(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Delay, break or refuse the request; sometimes after it took effect, which is the cruel case."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        if self.late_s:
            await asyncio.sleep(self._dice.random() * self.late_s)
        if self._dice.random() < self.rate_limited:
            self._count("429")
            body = {"message": "You are being rate limited.", "retry_after": 0.3, "global": False}
            return as_json(
                body, status=429, headers={"Via": "1.1 here", "Retry-After": "1", "X-RateLimit-Scope": "shared"}
            )
        after = self._dice.random() < 0.5
        if self._dice.random() < self.server_error:
            if after:
                await handler(request)
            status = self._dice.choice((500, 502, 503, 504))
            self._count(str(status))
            return web.Response(status=status, text="upstream connect error")
        if self._dice.random() < self.reset:
            if after:
                await handler(request)
            self._count("reset")
            if request.transport:
                request.transport.abort()
            raise web.HTTPInternalServerError
        return await handler(request)
