"""The page's own ways round what SimCord does for test benches."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime
from typing import Any

import discord
import pytest
from aiohttp import ClientSession
from PIL import Image

from tests.bot.playground.opened import Slow, command, opened
from tests.patience import until


def said(preview: Any, page: Any) -> list[str]:
    """What the page says when somebody looks."""
    return [one["content"] for one in preview._page_payload(page)["messages"].values()]


async def test_a_slow_answer_blocks_nothing_and_is_shown_when_it_comes() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        first = await preview._action(page.id, command(page, preview, 1))
        assert first["settlement"] == "settled", "the box is free for the next one"
        second = await preview._action(page.id, command(page, preview, 2))
        assert not second["rejected"], second["diagnostics"]
        bot.may_answer.set()
        await until(lambda: said(preview, page) == ["at last"] * 2)


async def test_times_count_from_now_and_not_from_the_start_of_the_page() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        opened_at = datetime.fromisoformat(page.snapshot["profile"]["presentationTime"])
        preview.env.backend.clock.advance(600)
        await bot.get_partial_messageable(page.channel_id).send("now")
        shown_at = datetime.fromisoformat(preview._page_payload(page)["profile"]["presentationTime"])
        assert (shown_at - opened_at).total_seconds() >= 600


async def test_pictures_reach_the_page_without_a_process_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "create_subprocess_exec", None)
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(picture, "webp")
    bot = Slow()
    async with opened(bot) as (preview, page):
        upload = discord.File(io.BytesIO(picture.getvalue()), "red.webp")
        await bot.get_partial_messageable(page.channel_id).send(file=upload)
        preview._page_payload(page)
        asset = next(one for one in page.assets.values() if one.filename == "red.webp")
        kind, body, _ = await preview._prepare_asset(page.id, asset.id)
        assert (kind, body) == ("image/webp", picture.getvalue())
        assert (asset.width, asset.height) == (40, 30)


async def test_a_page_opens_at_the_newest_message() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        channel = bot.get_partial_messageable(page.channel_id)
        for number in range(60):
            await channel.send(f"message {number}")
        again = preview._open_page()
        assert said(preview, again)[-1] == "message 59"
        assert preview._page_payload(again)["targetId"] is None, "it scrolls to no older one"


@pytest.mark.parametrize(("path", "status"), [("state", 410), ("assets/a1", 204), ("commands", 410)])
async def test_a_browser_may_ask_while_the_page_closes(path: str, status: int) -> None:
    async with opened(Slow()) as (preview, page), ClientSession() as browser:
        preview._closed = True  # as it is from Ctrl-C until the server has answered its last request
        headers = {"X-Simcord-Capability": preview.capability, "X-Simcord-Context": page.id}
        async with browser.get(f"http://127.0.0.1:{preview._server.port}/api/{path}", headers=headers) as answer:
            assert answer.status == status
        preview._closed = False
