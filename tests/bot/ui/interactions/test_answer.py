from __future__ import annotations

import asyncio
import io
import os
from typing import Any

import aiohttp
import discord
import pytest
from PIL import Image

from tests.bot.world import World


async def heavy_picture(world: World) -> discord.Message:
    """A grid whose first picture is sent after "thinking…"."""
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    noise = io.BytesIO()
    Image.frombytes("RGB", (900, 900), os.urandom(900 * 900 * 3)).save(noise, "PNG")
    world.pictures.held[world.jobs.kept["job0000001"][0].key] = noise.getvalue()
    return world.messages[-1]


async def test_a_heavy_file_follows_the_first_word(world: World) -> None:
    grid = await heavy_picture(world)

    result = await world.ada.click(grid, label="U1")

    callbacks = [entry for entry in world.env.http_requests if entry.path.endswith("/callback")]
    assert callbacks[-1].json is not None and callbacks[-1].json["type"] == 5
    assert result.response is not None and result.response.attachments[0].size > 2 * 1024 * 1024


async def test_a_form_that_comes_too_late_is_replaced_by_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None
    get = world.jobs.get

    async def slow(job_id: str):
        await asyncio.sleep(0.2)
        return await get(job_id)

    monkeypatch.setattr("bot.ui.interactions.answer.MODAL_AFTER_S", 0.05)
    world.jobs.get = slow  # a real store cannot be made slow on purpose
    pressed = await world.ada.click(post, label="Vary region")

    assert pressed.modal is None
    assert any("not be opened in time" in said.content for said in pressed.followups)


async def test_a_token_not_known_everywhere_yet_loses_no_answer(world: World) -> None:
    grid = await heavy_picture(world)
    world.env.inject_error("PATCH", "/webhooks/*/*/messages/@original", status=404, code=10015)

    result = await world.ada.click(grid, label="U1")

    assert result.response is not None
    assert len(result.response.attachments) == 1 and not result.followups


async def test_a_form_lost_with_its_connection_is_opened_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    send, lost = discord.InteractionResponse.send_modal, [aiohttp.ServerDisconnectedError()]

    async def over_a_bad_line(response: discord.InteractionResponse[Any], modal: discord.ui.Modal) -> Any:
        if lost:
            raise lost.pop()
        return await send(response, modal)

    monkeypatch.setattr(discord.InteractionResponse, "send_modal", over_a_bad_line)
    asked = await world.ada.slash(world.channel, "draw")

    assert asked.modal is not None and not asked.followups and not lost


async def test_an_answer_after_its_token_is_no_failure(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A moderator deletes a thousand messages, which takes longer than 15 minutes."""
    grid = await heavy_picture(world)
    world.env.inject_error("PATCH", "/webhooks/*/*/messages/@original", status=401, code=50027, times=None)

    result = await world.ada.click(grid, label="U1")

    assert result.deferred and not result.followups and "Traceback" not in caplog.text
