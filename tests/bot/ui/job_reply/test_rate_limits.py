from __future__ import annotations

import asyncio
import contextlib

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


@pytest.mark.parametrize(
    ("status", "body", "is_lost"),
    [(200, '{"id": "12', True), (200, "<html>", True), (200, "", True), (200, "{}", False), (204, "", False)],
)
async def test_an_answer_that_cannot_be_read_is_a_lost_one(status: int, body: str, *, is_lost: bool) -> None:
    async def answered(_: web.Request) -> web.Response:
        kind = "text/html" if body.startswith("<") else "application/json"
        return web.Response(status=status, body=body.encode(), headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answered)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(trace_configs=[RateLimits().trace()]) as session,
    ):
        with pytest.raises(aiohttp.ClientPayloadError) if is_lost else contextlib.nullcontext():
            await session.patch(server.make_url("/api/v10/webhooks/1/abc/messages/5"))
        await session.get(server.make_url("/attachments/1/2/a.png"))  # no answer of the API
        await session.delete(server.make_url("/api/v10/channels/1/messages/2"))  # nothing is read


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
