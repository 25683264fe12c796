"""What can go wrong between the bot and Discord, on demand."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.wire.world import as_json


@dataclass
class Fault:
    """One thing that goes wrong with the next `times` requests that match."""

    where: str
    """A regular expression over method and path, such as "PATCH .*/@original"."""
    status: int = 0
    """0: the connection is dropped."""
    code: int = 0
    times: int = 1
    took_effect: bool = False
    """The request is done all the same; only the answer does not say so."""
    late_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """What the body says besides `message` and `code`."""
    text: str | None = None
    """A body that is no JSON, as proxies answer."""


@dataclass
class Faults:
    """Each probability is tried for every REST request; `seed` makes a run repeatable."""

    server_error: float = 0.0
    reset: float = 0.0
    rate_limited: float = 0.0
    late_s: float = 0.0
    seed: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    planned: list[Fault] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """Every request with what was answered, in order."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.server_error = self.reset = self.rate_limited = self.late_s = 0.0
        self.planned.clear()

    def refused(self) -> list[str]:
        """What Discord counts as invalid: ten thousand of them in ten minutes ban an address."""
        return [line for line in self.heard if line.startswith(("401", "403", "429"))]

    def _count(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Delay, break or refuse the request; sometimes after it took effect, which is the cruel case."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        asked = f"{request.method} {request.path}"
        fault = next((one for one in self.planned if one.times > 0 and re.fullmatch(one.where, asked)), None)
        response = await (self._go_wrong(fault, request, handler) if fault else self._by_chance(request, handler))
        self.heard.append(f"{response.status} {asked}")
        return response

    async def _go_wrong(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault.times -= 1
        await asyncio.sleep(fault.late_s)
        response = await handler(request) if fault.took_effect else None
        if fault.status == 200 and fault.text is None:
            return response or await handler(request)
        if fault.status == 0:
            return _hang_up(request)
        if fault.text is not None:
            return web.Response(status=fault.status, body=fault.text.encode(), headers=fault.headers)
        body = {"message": "planned", "code": fault.code, **fault.more}
        return as_json(body, status=fault.status, headers={"Via": "1.1 here", **fault.headers})

    async def _by_chance(self, request: web.Request, handler: Handler) -> web.StreamResponse:
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
            return _hang_up(request)
        return await handler(request)


def _hang_up(request: web.Request) -> web.Response:
    """Drop the connection in the middle of an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response(status=500)
