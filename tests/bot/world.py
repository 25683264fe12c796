"""A simulated server with the real client on it, and what tests want to do there."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import discord
import simcord
from simcord import _dpy_internals
from simcord._runtime import _BOT_SCOPE

from bot.client import DarkroomClient
from bot.domain.moderation.consents import Consents
from bot.settings import Settings
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.tasks import Tasks
from bot.ui.content.result_pages import chosen_form
from bot.ui.interactions.services import Services
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.samples import Samples
from bot.ui.pictures.uploads import Intake
from tests.bot.scripted import (
    MemoryJobs,
    MemoryMembers,
    MemoryPictures,
    MemoryRules,
    NamedModels,
    NoLimits,
    NoRecords,
    ScriptedStudio,
    SilentLog,
    no_prices,
)
from tests.patience import PATIENCE_S
from tests.patience import until as eventually


class World:
    """Everything that outlives a restart of the client."""

    def __init__(self, data_dir: Path, *, settle_timeout: float = PATIENCE_S, virtual_time: bool = False) -> None:
        self._virtual_time = virtual_time
        self.settings = Settings(data_dir=data_dir)
        self.context = contextvars.Context()
        self.tasks = Tasks(self.context)
        self.executor = ThreadPoolExecutor(1)
        self.jobs, self.pictures, self.members = MemoryJobs(), MemoryPictures(), MemoryMembers()
        self.rules = MemoryRules()
        self.pending_answers: PendingAnswerStore | None = None
        self.replies = DiscordReplies(
            self.jobs, self.pictures, Drawing(self.executor), self.tasks, clock=self.now, preview_interval_s=0.0,
            form_of=chosen_form(self.members.preferences, self.rules.get, "grid"),
        )  # fmt: skip
        self.job_service = ScriptedStudio(self.jobs, self.pictures, self.replies, self.tasks)
        self.env = simcord.Env(self.client(), settle_timeout=settle_timeout)

    def now(self) -> datetime:
        return self.env.now()

    def client(self) -> DarkroomClient:
        drawing = Drawing(self.executor)
        engine = NamedModels("pocket", "sdxl", "sd-turbo")
        services = Services(
            samples=Samples(self.settings.data_dir / "samples", engine, drawing, self.tasks, draws=False),
            settings=self.settings, job_service=self.job_service, jobs=self.jobs, pictures=self.pictures,
            members=self.members, rules=self.rules,
            consents=Consents(self.members.preferences, self.rules.get, self.jobs.get),
            quotas=NoLimits(), prices=no_prices, log=SilentLog(),
            records=NoRecords(), statistics=None, engine=engine, drawing=drawing,
            intake=Intake(discord.Attachment.read, drawing, self.pictures),
            clock=self.now, defer_after_s=1.2, pending_answers=self.pending_answers,
        )  # fmt: skip
        self.bot = DarkroomClient(services, self.replies, shard_count=1)
        return self.bot

    async def start(self) -> None:
        await self.env.start()
        self._connect()
        self.guild = self.env.create_guild("Darkroom")
        self.channel = self.guild.create_text_channel("pictures")
        self.ada = self.guild.add_member(self.env.create_user("ada"))
        self.bo = self.guild.add_member(self.env.create_user("bo"))

    async def restart(self) -> None:
        await self.env.restart_bot(self.client())
        self._connect()

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.env.shutdown()
        self.executor.shutdown()

    def _connect(self) -> None:
        # Background work reaches the simulated Discord, but no action of a member waits for it, unless its own
        # timers are to run on the simulated clock.
        self.context.run(_dpy_internals.set_webhook_adapter, self.env._webhook_adapter)
        self.context.run(_BOT_SCOPE.set, (self.env, self.env._generation) if self._virtual_time else None)

    @property
    def messages(self) -> list[discord.Message]:
        """What everybody sees in the channel."""
        return [message for message in self.channel.history() if not message.flags.ephemeral]


def labels(message: discord.Message) -> list[str]:
    """What the buttons say, row by row."""
    rows = [part for part in message.components if isinstance(part, discord.ActionRow)]
    return [str(item.label or item.emoji) for row in rows for item in row.children]


__all__ = ["World", "eventually", "labels"]
