from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.ui.job_reply.edit_pacing import RateLimits


async def test_headers_tell_when_to_leave_a_bucket_alone() -> None:
    async def edited(request: web.Request) -> web.Response:
        left = request.headers["X-Left"]
        status = 429 if left == "-1" else 200
        headers = {"X-RateLimit-Remaining": left.replace("-1", "0"), "X-RateLimit-Reset-After": "1.5"}
        told = {"Content-Type": "application/json"}
        return web.Response(status=status, headers={**headers, **told}, body=b'{"retry_after": 1.5}')

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", edited)
    limits = RateLimits()
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(trace_configs=[limits.trace()]) as session,
    ):

        async def request(method: str, path: str, left: int) -> float:
            async with session.request(method, server.make_url(path), headers={"X-Left": str(left)}):
                pass
            bucket = "webhook:abc" if "webhooks" in path else "channel:77"
            return limits.wait_s(bucket, asyncio.get_running_loop().time())

        assert await request("PATCH", "/api/v10/webhooks/1/abc/messages/5", 3) == 0.0
        assert await request("POST", "/api/v10/channels/77/messages", 0) == 0.0
        assert 1.0 < await request("PATCH", "/api/v10/webhooks/1/abc/messages/5", 1) <= 1.5
        assert 1.0 < await request("PATCH", "/api/v10/channels/77/messages/5", 0) <= 1.5
        await request("PATCH", "/api/v10/channels/77/messages/5", -1)
        assert limits.wait_s("channel:77", asyncio.get_running_loop().time() + 2) == 0.0


@pytest.mark.parametrize("body", ["", "<html>429</html>", "null", '{"message": "slow down"}', '{"retry_after": null}'])
async def test_a_refusal_without_a_wait_is_an_ordinary_error(body: str) -> None:
    async def refused(_: web.Request) -> web.Response:
        kind = "text/html" if not body or body[0] == "<" else "application/json"
        return web.Response(status=429, body=body.encode(), headers={"Via": "1.1 here", "Content-Type": kind})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", refused)
    limits = RateLimits()
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(trace_configs=[limits.trace()]) as session,
    ):
        with pytest.raises(discord.HTTPException) as found:
            await session.patch(server.make_url("/api/v10/webhooks/1/abc/messages/5"))
    assert found.value.status == 429
