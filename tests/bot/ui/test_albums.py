"""Results to swipe through: the same message, buttons and rules as the grid, in Discord's Components V2."""

from __future__ import annotations

import asyncio
import io

import discord
import pytest
from PIL import Image

from bot.domain.model import Preferences, Verb
from bot.domain.moderation.guild_rules import GuildRules
from bot.errors import Paused
from bot.ui.content.buttons import grid_view
from bot.ui.content.custom_ids import Act
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.result_pages import ALBUM_BYTES, ALBUM_LIMIT
from engine.events import Preview, Progress
from tests.bot.albums import is_album, pictures, text
from tests.bot.scripted import COLOURS, a_job, png, webp
from tests.bot.world import World, eventually, labels

TOKEN_EDIT = "/webhooks/*/*/messages/*"
VIRTUAL = pytest.mark.parametrize("world", [{"settle_timeout": 2.0, "virtual_time": True}], indirect=True)


class Gate:
    """An event the simulated Discord knows to wait for."""

    def __init__(self, world: World) -> None:
        self._world, self._event = world, asyncio.Event()

    async def wait(self) -> None:
        await self._world.env.external_wait(self._event.wait(), reason="the engine works")

    def open(self) -> None:
        self._event.set()


@pytest.fixture
def swiping(world: World) -> World:
    """A server whose moderators want albums."""
    world.rules.set[world.guild.id] = GuildRules(guild_id=world.guild.id, results="album")
    return world


async def drawn(world: World, prompt: str = "a red fox") -> discord.Message:
    await world.ada.slash(world.channel, "imagine", prompt=prompt)
    await world.job_service.done()
    return world.messages[-1]


async def test_four_pictures_with_alt_text_each_above_their_buttons(swiping: World) -> None:
    shown = await drawn(swiping)

    assert is_album(shown) and not shown.content and len(swiping.messages) == 1
    assert "a red fox" in text(shown)
    assert [item.description for item in pictures(shown)] == [
        f"Picture {number} of the prompt: a red fox" for number in range(1, 5)
    ]
    files = [await file.read() for file in shown.attachments]
    assert files == [png(colour) for colour in COLOURS[:4]], "the kept pictures as they are"
    kinds = [part.type for part in shown.components]
    assert kinds[:2] == [discord.ComponentType.text_display, discord.ComponentType.media_gallery]
    assert labels(shown)[:5] == ["U1", "U2", "U3", "U4", "🔄"] and labels(shown)[5:9] == ["V1", "V2", "V3", "V4"]


async def test_previews_stay_one_small_picture(swiping: World) -> None:
    swiping.job_service.gate.clear()
    await swiping.ada.slash(swiping.channel, "imagine", prompt="a fox")
    await eventually(lambda: swiping.messages[-1].attachments)
    assert not is_album(swiping.messages[-1]) and len(swiping.messages[-1].attachments) == 1
    swiping.job_service.gate.set()
    await swiping.job_service.done()
    assert is_album(swiping.messages[-1])


async def test_buttons_and_reactions_work_under_an_album(swiping: World) -> None:
    shown = await drawn(swiping)
    single = (await swiping.bo.click(shown, label="U2")).response
    assert single is not None and not single.message.flags.components_v2 and single.message.attachments
    await swiping.restart()
    await swiping.bo.click(shown, label="V3")
    await swiping.job_service.done()
    source = swiping.job_service.asks[-1].spec.source
    assert source is not None and source.cell == 2
    await swiping.bo.react(swiping.messages[0], "✉️")
    await eventually(lambda: swiping.bo.user.dm_channel.history())
    assert len(swiping.bo.user.dm_channel.history()[-1].attachments) == 4


async def test_a_member_chooses_before_the_server_does(swiping: World) -> None:
    await swiping.members.prefer(swiping.ada.id, Preferences(results="grid"))
    assert not is_album(await drawn(swiping))
    await swiping.members.prefer(swiping.ada.id, Preferences())
    assert is_album(await drawn(swiping))


async def test_pictures_to_be_hidden_are_hidden_each(swiping: World) -> None:
    swiping.job_service.gate.clear()
    await swiping.ada.slash(swiping.channel, "imagine", prompt="a fox")
    swiping.jobs.change("job0000001", spoiler=True)
    swiping.job_service.gate.set()
    await swiping.job_service.done()
    items = pictures(swiping.messages[-1])
    assert len(items) == 4 and all(item.spoiler for item in items)


@pytest.mark.parametrize(("status", "code"), [(400, 50035), (413, 40005)])
async def test_a_refused_album_comes_as_a_grid(swiping: World, status: int, code: int) -> None:
    swiping.job_service.gate.clear()
    await swiping.ada.slash(swiping.channel, "imagine", prompt="a fox")
    await eventually(lambda: "step 3" in swiping.messages[-1].content)
    swiping.env.inject_error("PATCH", TOKEN_EDIT, status=status, code=code)
    swiping.job_service.gate.set()
    await swiping.job_service.done()
    [message] = swiping.messages
    assert not is_album(message) and len(message.attachments) == 1 and "U1" in labels(message)


async def test_an_album_that_shall_be_a_grid_stays_an_album(swiping: World) -> None:
    shown = await drawn(swiping)
    await swiping.members.prefer(swiping.ada.id, Preferences(results="grid"))
    job = swiping.jobs.jobs["job0000001"]
    await swiping.job_service._deliver(job.id)  # as the outbox does after a crash
    [message] = swiping.messages
    assert message.id == shown.id and is_album(message)
    assert len(pictures(message)) == 1 and "U1" in labels(message)


@VIRTUAL
async def test_after_fifteen_minutes_the_bot_makes_the_album(swiping: World) -> None:
    swiping.job_service.script = (Progress(step=1, steps=4, preview=Preview(webp("grey"), 32, 32)),)
    swiping.job_service.gate = gate = Gate(swiping)
    await swiping.ada.slash(swiping.channel, "imagine", prompt="a fox")
    await swiping.env.advance_time(16 * 60)
    gate.open()
    await swiping.env.settle()
    by_bot = [e for e in swiping.env.http_requests if e.method == "PATCH" and e.path.startswith("/channels/")]
    assert by_bot and is_album(swiping.messages[-1])
    assert len(pictures(swiping.messages[-1])) == 4 and len(swiping.messages) == 1


async def test_a_private_album_is_known_by_its_files(swiping: World) -> None:
    await drawn(swiping)
    swiping.job_service.barred = Paused("a new card comes")
    again = await swiping.ada.slash(swiping.channel, "show", job="job0000001")
    swiping.job_service.barred = None
    assert again.response is not None and again.response.ephemeral
    private = again.response.message
    assert "Only you see this" in text(private)
    assert is_album(private) and len(pictures(private)) == 4
    answer = await swiping.ada.context_menu(swiping.channel, "Darkroom: upscale", private)
    assert answer.response is not None and "this is a grid" in answer.response.content


async def test_where_an_edit_changed_the_picture_stands_small_aside(swiping: World) -> None:
    job = a_job(id="job0000009")
    uploads = (
        Upload("a-1.png", b"1", "one"),
        Upload("a-2.png", b"2", "two"),
        Upload("m.png", b"m", "mask", False, True),
    )
    album = Page("words", uploads, grid_view(job, 4, list(Act)), is_album=True).new()
    text_part, gallery, *rows = album["view"].to_components()
    assert text_part["type"] == 9 and text_part["accessory"]["description"] == "mask"
    assert [item["media"]["url"] for item in gallery["items"]] == ["attachment://a-1.png", "attachment://a-2.png"]
    assert len(rows) == 3 and all(row["type"] == 1 for row in rows) and len(album["files"]) == 3


async def test_small_limits_and_single_pictures_are_no_albums(swiping: World) -> None:
    await drawn(swiping)
    job, cells = swiping.jobs.jobs["job0000001"], swiping.jobs.kept["job0000001"]
    page = swiping.replies.results.page
    assert (await page(job, cells, ALBUM_LIMIT)).is_album and not (await page(job, cells, ALBUM_LIMIT - 1)).is_album
    assert not (await page(job, cells[:1], ALBUM_LIMIT)).is_album
    sheet = job.model_copy(update={"spec": job.spec.model_copy(update={"verb": Verb.DRAFT})})
    assert not (await page(sheet, cells, ALBUM_LIMIT)).is_album


async def test_four_large_pictures_fit_into_one_request(swiping: World) -> None:
    await drawn(swiping)
    job, cells = swiping.jobs.jobs["job0000001"], swiping.jobs.kept["job0000001"]
    noise = io.BytesIO()
    Image.effect_noise((1600, 1600), 90).convert("RGB").save(noise, "PNG", compress_level=0)
    for cell in cells:
        await swiping.pictures.put(cell.key, noise.getvalue())
    shown = await swiping.replies.results.page(job, cells, 100 * 1024 * 1024)
    assert len(noise.getvalue()) * 4 > ALBUM_BYTES >= sum(len(upload.content) for upload in shown.uploads)
