"""What the page draws and sends does not grow with the channel."""

from __future__ import annotations

import io
import random
from typing import Any

import discord
import pytest
from PIL import Image
from simcord.preview import _queries
from simcord.results import ResponseMessage

from tests.bot.playground.opened import Slow, command, opened

FAR_FEWER_BYTES = 30_000


class Grid(discord.ui.View):
    """Buttons as they stand under four pictures."""

    def __init__(self, number: int) -> None:
        super().__init__(timeout=None)
        for cell in range(8):
            self.add_item(discord.ui.Button(label=f"U{cell}", custom_id=f"u:{number}:{cell}", row=cell // 4))


def picture(colour: str) -> discord.File:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(content, "webp")
    return discord.File(io.BytesIO(content.getvalue()), "one.webp")


class Reader:
    """A browser: keeps what it has and asks for what changed since."""

    def __init__(self, preview: Any, page: Any) -> None:
        self.preview, self.page = preview, page
        self.state: dict[str, Any] = {"publishedRevision": 0, "messages": {}, "assets": {}}

    def read(self) -> dict[str, Any]:
        """Take what is sent; returns that alone."""
        sent = self.preview.renderer.since(self.page, self.state["publishedRevision"])
        kept = {
            part: {key: sent[part].get(key, self.state[part].get(key)) for key in keys}
            for part, keys in sent["kept"].items()
        }
        self.state = {key: value for key, value in sent.items() if key != "kept"} | kept
        return sent


@pytest.mark.parametrize("messages", [5, 50, 500])
async def test_a_command_draws_and_sends_one_message(messages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_queries, "_message_summary_parts", None)
    bot = Slow()
    bot.may_answer.set()
    async with opened(bot) as (preview, page):
        channel = bot.get_partial_messageable(page.channel_id)
        last = await channel.send("**first**", view=Grid(0))
        for number in range(1, messages):
            last = await channel.send(f"**{number}**", view=Grid(number))
        reader = Reader(preview, page)
        assert len(reader.read()["messages"]) == min(messages, 50)
        drawn = preview.renderer.messages_drawn
        result = await preview._action(page.id, command(page, preview, 1))
        assert not result["rejected"]
        new = [one["content"] for one in reader.read()["messages"].values()]
        assert new[-1] == "at last"
        assert len(new) <= 2, "and the one that stands first now: it shows its author"
        await last.edit(attachments=[picture("red")])
        sent = reader.read()
        assert list(sent["messages"]) == [str(last.id)]
        assert len(sent["assets"]) == 1
        assert len(str(sent)) < FAR_FEWER_BYTES
        assert preview.renderer.messages_drawn - drawn <= 4


async def test_nothing_is_drawn_while_nobody_looks() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        channel = bot.get_partial_messageable(page.channel_id)
        drawn = preview.renderer.messages_drawn
        for _ in range(20):
            await channel.send("a preview")
        assert preview.renderer.messages_drawn == drawn
        preview._page_payload(page)
        preview._page_payload(page)
        assert preview.renderer.messages_drawn == drawn + 20


async def test_changes_put_together_are_what_a_new_page_shows() -> None:
    dice = random.Random(5)
    bot = Slow()
    async with opened(bot) as (preview, page):
        channel = bot.get_partial_messageable(page.channel_id)
        reader, sent = Reader(preview, page), list[discord.Message]()
        for step in range(60):
            one = dice.choice(sent) if sent else None
            match dice.choice(["send", "send", "edit", "picture", "delete", "star", "answer"]):
                case "edit" if one:
                    await one.edit(content=f"edited {step}")
                case "picture" if one:
                    await one.edit(attachments=[picture(dice.choice(["red", "green"]))])
                case "delete" if one:
                    sent.remove(one)
                    await one.delete()
                case "star" if one:
                    stored = preview.env.backend.get_message(page.channel_id, one.id)
                    await page.viewer.set_reaction(ResponseMessage(preview.env, stored), "⭐", reacted=step % 2 == 0)
                case "answer" if one:
                    sent.append(await channel.send(f"answer {step}", reference=one.to_reference()))
                case _:
                    sent.append(await channel.send(f"message {step}", view=Grid(step)))
            if dice.random() < 0.7:
                reader.read()
        reader.read()
        preview.renderer._page_states.clear()
        fresh = preview._page_payload(page)
        for part in ("messages", "timeline", "assets", "history"):
            assert reader.state[part] == fresh[part]


async def test_what_is_lost_on_the_way_is_sent_again() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        await bot.get_partial_messageable(page.channel_id).send("hello")
        preview.renderer.since(page, 0)
        assert len(preview.renderer.since(page, 0)["messages"]) == 1
