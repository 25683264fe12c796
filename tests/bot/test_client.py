"""The client over the real studio, a real SQLite file and a real picture folder; only the engine follows a script."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import discord
import pytest
import simcord
from simcord import _dpy_internals

from bot.client import DarkroomClient
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_run import JobRun
from bot.domain.jobs.job_service import JobService
from bot.domain.model import JobState
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.moderation.vocabulary_hints import Hints
from bot.domain.prompting.engine_requests import Wording
from bot.settings import Settings
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.members.members import MemberStore
from bot.store.pictures import PictureStore
from bot.tasks import Tasks
from bot.ui.interactions.services import Parts
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.job_reply.live_reply import ProgressReply
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Intake
from engine.events import Finished, GeneratedImage, Preview, Progress, Safety, Started
from tests.bot.domain.scripted import ScriptedEngine, ScriptedStream
from tests.bot.domain.studios import Remembered
from tests.bot.scripted import COLOURS, png, webp
from tests.bot.world import eventually, labels
from tests.patience import PATIENCE_S


class House:
    """What outlives the process: Discord, the database file and the picture folder."""

    def __init__(self, folder: Path, direct: GuildRules | None = None) -> None:
        self.folder, self.direct = folder, direct
        self.executor = ThreadPoolExecutor(1)
        self.env: simcord.Env

    async def open(self) -> DarkroomClient:
        """A process's worth of parts, made anew."""
        self.context = contextvars.Context()
        self.database = await Database.open(self.folder / "darkroom.sqlite3")
        self.rules_store = GuildRulesStore(self.database, self.direct)
        quotas = Quotas(self.database, self.rules_store)
        jobs, pictures = JobStore(self.database, quotas), PictureStore.open(self.folder / "pictures")
        drawing, tasks = Drawing(self.executor), Tasks(self.context)
        self.jobs, self.engine = jobs, ScriptedEngine()
        replies = DiscordReplies(jobs, pictures, drawing, tasks, clock=self.now, preview_interval_s=0.0)
        self.job_service = JobService(
            Ports(
                engine=self.engine, jobs=jobs, outbox=OutboxStore(self.database), pictures=pictures, replies=replies,
                rules=RuleChecker(self.rules_store, quotas, self.now), estimates=Remembered(), wording=Wording(),
                clock=self.now,
                hints=self.hints(), tasks=tasks,
            )
        )  # fmt: skip
        parts = Parts(
            Settings(data_dir=self.folder), self.job_service, jobs, pictures,
            MemberStore(self.database, self.now), self.rules_store,
            Intake(discord.Attachment.read, drawing, pictures), drawing,
            clock=self.now, defer_after_s=1.2,
        )  # fmt: skip
        return DarkroomClient(parts, replies, shard_count=1)

    def hints(self) -> Hints | None:
        """Told to members, if anything is."""
        return None

    def now(self):
        return self.env.now()

    async def start(self) -> None:
        self.env = simcord.Env(await self.open(), settle_timeout=PATIENCE_S)
        await self.env.start()
        guild = self.env.create_guild("Darkroom")
        self.channel = guild.create_text_channel("pictures")
        self.ada = guild.add_member(self.env.create_user("ada"))
        await self._begin()

    async def restart(self) -> None:
        """Stop as SIGTERM does, and come back."""
        await self.job_service.stop(0.0)
        await self.database.close()
        await self.env.restart_bot(await self.open())
        await self._begin()

    async def stop(self) -> None:
        await self.job_service.stop(0.0)
        await self.env.shutdown()
        await self.database.close()
        self.executor.shutdown()

    async def _begin(self) -> None:
        self.context.run(_dpy_internals.set_webhook_adapter, self.env._webhook_adapter)
        await self.job_service.start()

    @property
    def messages(self) -> list[discord.Message]:
        return [message for message in self.channel.history() if not message.flags.ephemeral]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = House(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors


def draw(stream: ScriptedStream) -> None:
    stream.post(Started("cpu"), Progress(1, 4, Preview(webp("grey"), 32, 32)), Progress(2, 4))


def finish(stream: ScriptedStream) -> None:
    images = tuple(
        GeneratedImage(png(COLOURS[number]), 64, 64, stream.request.seed + number, Safety(0.01))
        for number in range(stream.request.num_images)
    )
    stream.post(Finished(images=images, gpu_ms=800.0))


async def test_from_the_command_to_the_grid_to_a_variation(house: House) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox --seed 7")
    stream = await house.engine.stream()
    draw(stream)
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
    finish(stream)
    await eventually(lambda: "U1" in labels(house.messages[-1]))

    post = (await house.ada.click(house.messages[-1], label="U2")).response
    assert post is not None and post.attachments
    await house.ada.click(house.messages[0], label="V3")
    finish(await house.engine.stream(1))
    await eventually(lambda: "U1" in labels(house.messages[-1]))
    for job in await house.jobs.recent(house.ada.id, 9):
        await asyncio.wait_for(house.job_service.wait(job.id), PATIENCE_S)

    [first, second] = sorted(await house.jobs.recent(house.ada.id, 9), key=lambda job: job.parent_id is not None)
    assert (second.parent_id, second.parent_cell) == (first.id, 2)
    assert {first.state, second.state} == {JobState.DELIVERED}
    assert len(house.messages) == 3


async def test_a_restart_draws_what_waited_into_the_same_message(house: House) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox --seed 7")
    draw(await house.engine.stream())
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
    message_id = house.messages[-1].id

    await house.restart()
    stream = await house.engine.stream()
    assert stream.request.seed == 7
    finish(stream)

    await eventually(lambda: "U1" in labels(house.messages[-1]))
    assert [message.id for message in house.messages] == [message_id]


async def test_a_deleted_reply_gives_everything_back(house: House) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox")
    draw(await house.engine.stream())
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
    house.env.backend.delete_message(house.channel.id, house.messages[-1].id)

    [job] = await house.jobs.recent(house.ada.id, 9)
    job = await asyncio.wait_for(house.job_service.wait(job.id), PATIENCE_S)
    assert job.state is JobState.CANCELLED and job.gpu_ms in (None, 0.0)


async def test_cancel_ends_the_reply_and_the_engine(house: House) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox")
    stream = await house.engine.stream()
    draw(stream)
    await eventually(lambda: "step 2 of 4" in house.messages[-1].content)

    await house.ada.click(house.messages[-1], label="Cancel")

    await eventually(lambda: "Cancelled" in house.messages[-1].content)
    assert not house.messages[-1].components and not house.messages[-1].attachments
    await eventually(lambda: stream.closed)


async def test_favourites_are_marked_by_reaction_and_listed(house: House) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a red fox")
    finish(await house.engine.stream())
    await eventually(lambda: "U1" in labels(house.messages[-1]))
    await house.ada.react(house.messages[-1], "⭐")
    await house.ada.click(house.messages[-1], label="All")
    sheet = await house.ada.slash(house.channel, "info favourites")
    assert sheet.response is not None and sheet.response.attachments


async def test_commands_are_told_to_discord_only_when_they_changed(house: House) -> None:
    def syncs() -> int:
        return sum(entry.method == "PUT" and entry.path.endswith("/commands") for entry in house.env.http_requests)

    assert syncs() == 1
    await house.restart()
    assert syncs() == 1


async def test_a_long_run_keeps_nothing_of_what_is_over(house: House) -> None:
    def held() -> dict[str, int]:
        gc.collect()
        kinds = (ProgressReply, JobRun)
        return {kind.__name__: sum(isinstance(one, kind) for one in gc.get_objects()) for kind in kinds}

    async def until_over(fate: str) -> None:
        number = len(house.engine.streams)
        await house.ada.slash(house.channel, "imagine", prompt=f"{fate} {number}")
        draw(stream := await house.engine.stream(number))
        await eventually(lambda: "step 2 of 4" in house.messages[-1].content)
        message = house.messages[-1]
        job, _ = await house.jobs.at_message(message.id)
        match fate:
            case "cancelled":
                await house.ada.click(message, label="Cancel")
            case "deleted":
                house.env.backend.delete_message(house.channel.id, message.id)
            case "gone unheard":
                for way in ("/webhooks/*/*/messages/*", "/channels/*/messages/*"):
                    house.env.inject_error("PATCH", way, status=404, code=10008)
                finish(stream)
            case _:
                finish(stream)
        await asyncio.wait_for(house.job_service.wait(job.id), PATIENCE_S)
        await eventually(lambda: not house.job_service.running)

    before = held()  # of earlier tests in this process
    for _ in range(4):
        for fate in ("finished", "cancelled", "deleted", "gone unheard"):
            await until_over(fate)
    await eventually(lambda: all(count <= before[kind] for kind, count in held().items()))
