"""The live part of a reply alone: newest wins, nobody waits, nothing comes after the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import aiohttp
import discord
import pytest

from bot.tasks import Tasks
from bot.ui.content.message_page import Page
from bot.ui.job_reply.edit_pacing import ChannelWindows, Pace, RateLimits
from bot.ui.job_reply.live_reply import ProgressReply
from engine.events import Preview, Progress, Queued
from tests.bot.scripted import NOON, a_job
from tests.patience import PATIENCE_S, until


class Screen:
    """A message whose edits take as long as a test wants; a real one cannot be made to hang."""

    message_id, channel_id = 5, 3
    may_be_open = False
    is_lasting = True
    has_token = True
    bucket = "webhook:x"

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.pictures: list[bytes | None] = []
        self.troubles: list[Exception] = []
        self.free = asyncio.Event()
        self.free.set()

    async def show(self, page: Page) -> int:
        await self.free.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.pages.append(page.text.splitlines()[-1])
        self.pictures.append(page.uploads[0].content if page.uploads else None)
        return self.message_id


class Stage:
    def __init__(self) -> None:
        self.screen, self.tasks, self.gone = Screen(), Tasks(), list[str]()
        self.reply = ProgressReply(
            self.screen, Pace(0.0), ChannelWindows(), RateLimits(), self.tasks, lambda: NOON, self._on_gone
        )

    async def _on_gone(self, job_id: str) -> None:
        self.gone.append(job_id)

    def step(self, step: int) -> None:
        self.reply.show(a_job(), Progress(step, 30))

    async def idle(self) -> None:
        while running := list(self.tasks._running):
            await asyncio.gather(*running, return_exceptions=True)


@pytest.fixture
async def stage():
    made = Stage()
    yield made
    await made.tasks.stop()


async def test_the_newest_wins_and_showing_never_waits(stage: Stage) -> None:
    stage.screen.free.clear()
    for step in range(1, 30):
        stage.step(step)
        await asyncio.sleep(0)
    stage.screen.free.set()
    await stage.idle()
    assert [page.split(" step ")[1] for page in stage.screen.pages] == ["1 of 30", "29 of 30"]


async def test_nothing_comes_after_the_end(stage: Stage) -> None:
    stage.screen.free.clear()
    stage.step(1)
    await asyncio.sleep(0)
    stage.step(2)
    ending = asyncio.create_task(stage.reply.stop())
    await asyncio.sleep(0)
    stage.screen.free.set()
    await ending
    stage.step(3)
    await stage.idle()
    assert len(stage.screen.pages) == 1


async def test_a_waiting_reply_ends_at_once(stage: Stage) -> None:
    stage.step(1)
    await stage.idle()
    stage.reply._pace.refused(asyncio.get_running_loop().time(), 600.0)
    stage.step(2)
    await asyncio.wait_for(stage.reply.stop(), PATIENCE_S)


@pytest.mark.parametrize(
    "error", [aiohttp.ServerDisconnectedError(), ConnectionResetError(), discord.RateLimited(0.01)]
)
async def test_trouble_drops_a_frame_and_slows_down(stage: Stage, error: Exception) -> None:
    stage.screen.troubles.append(error)
    stage.step(1)
    await stage.idle()
    assert not stage.screen.pages and stage.reply._pace.wait_s(asyncio.get_running_loop().time()) > 0
    assert not stage.gone


async def test_what_looks_the_same_is_not_sent_again(stage: Stage) -> None:
    for eta_s in (40.0, 40.2, 39.9):
        stage.reply.show(a_job(), Queued(2, eta_s))
        await stage.idle()
    assert len(stage.screen.pages) == 1 and "2 ahead of you, about 40 s" in stage.screen.pages[0]


async def test_places_in_the_queue_are_told_more_slowly_than_pictures(stage: Stage) -> None:
    stage.reply.show(a_job(), Queued(2))
    await stage.idle()
    stage.reply.show(a_job(), Queued(1))
    await asyncio.sleep(0.02)
    assert len(stage.screen.pages) == 1
    stage.step(1)
    await until(lambda: len(stage.screen.pages) == 2)


async def test_the_first_picture_does_not_wait_for_its_turn(stage: Stage) -> None:
    stage.reply._pace = Pace(600.0)
    stage.reply.show(a_job(), Queued(1))
    await stage.idle()
    stage.reply.show(a_job(), Progress(1, 9, Preview(b"one", 8, 8)))
    await asyncio.wait_for(stage.idle(), PATIENCE_S)
    stage.reply.show(a_job(), Progress(2, 9, Preview(b"two", 8, 8)))
    await asyncio.sleep(0.02)
    assert stage.screen.pictures == [None, b"one"]


async def test_a_step_without_a_picture_keeps_the_last_one(stage: Stage) -> None:
    for event in (Progress(1, 9), Progress(2, 9, Preview(b"one", 8, 8)), Progress(3, 9), Queued(1)):
        stage.reply.show(a_job(), event)
        await stage.idle()
    assert stage.screen.pictures == [None, b"one", b"one", None]


@pytest.mark.parametrize(("code", "gone"), [(10008, True), (10003, True), (50035, False), (50013, False)])
async def test_only_a_missing_message_ends_the_job(stage: Stage, code: int, gone: bool) -> None:
    response = SimpleNamespace(status=404, reason="no", headers={})
    stage.screen.troubles.append(discord.HTTPException(response, {"code": code, "message": "no"}))
    stage.step(1)
    await stage.idle()
    stage.step(2)
    await stage.idle()
    assert stage.gone == (["0123456789"] if gone else []) and not stage.screen.pages


async def test_before_the_acknowledgement_nothing_is_edited(stage: Stage) -> None:
    stage.screen.message_id = None
    reply = ProgressReply(
        stage.screen, Pace(0.0), ChannelWindows(), RateLimits(), stage.tasks, lambda: NOON, stage._on_gone
    )
    reply.show(a_job(), Progress(1, 30))
    await stage.idle()
    assert not stage.screen.pages
    reply.opened(5)
    await stage.idle()
    assert len(stage.screen.pages) == 1


async def test_a_token_still_good_for_long_gets_no_notice(stage: Stage) -> None:
    stage.screen.is_lasting = False
    reply = a_job().reply.model_copy(update={"expires_at": NOON + timedelta(minutes=15), "token": "x"})
    stage.reply.show(a_job(reply=reply), Progress(1, 30))
    await until(lambda: stage.screen.pages)
    assert "direct message" not in stage.screen.pages[-1]
