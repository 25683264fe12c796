"""What the bot sends to a member directly is on that member's page, and on no other's."""

from __future__ import annotations

import base64
import io

import discord

from tests.bot.playground.opened import Slow, opened


async def test_a_direct_message_is_sent_to_its_members_page_once() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        assert preview.renderer.since(page, 0)["directMessages"] == {}
        member = await bot.fetch_user(page.viewer.id)
        sent = await member.send(f"for <@{member.id}>", file=discord.File(io.BytesIO(b"picture"), "one.webp"))
        news = preview.renderer.since(page, page.revision)
        (message,) = news["directMessages"].values()
        assert list(news["directMessages"]) == [str(sent.id)]
        assert base64.b64decode(message["files"][0]["content"]) == b"picture"
        assert "ada" in str(message["tokens"]), "a mention is a name"
        await bot.get_partial_messageable(page.channel_id).send("something else")
        later = preview.renderer.since(page, page.revision)
        assert later["directMessages"] == {}
        assert later["kept"]["directMessages"] == [str(sent.id)]
        assert preview.renderer._direct_messages.to(page.viewer.id + 1) == {}
