"""The whole bot as it is composed for people, with the real engine, on a simulated Discord whose clock runs."""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import simcord
from simcord import InteractionResult, _dpy_internals

from bot.app import App, build
from bot.domain.model import Job, JobState
from bot.playground.clock import WallClock
from bot.settings import Settings
from tests.bot.one_message import message_in
from tests.bot.world import eventually
from tests.patience import PATIENCE_S


@dataclass
class Whole:
    """A server with two members and the running bot."""

    app: App
    env: simcord.Env
    channel: Any
    ada: Any
    bo: Any

    @property
    def messages(self) -> list[discord.Message]:
        """What everybody sees in the channel."""
        return [message for message in self.channel.history() if not message.flags.ephemeral]

    async def finished(self, shown: InteractionResult) -> tuple[Job, discord.Message]:
        """Wait for the job that an action began; the job and its reply as they are then."""
        assert shown.response is not None and not shown.response.ephemeral, shown.response
        reply_id = shown.response.id
        jobs = self.app.client.services.jobs
        job, _ = await jobs.at_message(reply_id)
        async with asyncio.timeout(PATIENCE_S):
            job = await self.app.services.job_service.wait(job.id)
        assert job.state is JobState.DELIVERED, (job.state, job.error)
        await eventually(lambda: not re.search("⏳|▰|▱", self.message(reply_id).content), PATIENCE_S)
        return job, self.message(reply_id)

    def message(self, message_id: int) -> discord.Message:
        """A message as it is now."""
        return message_in(self.env, self.channel, message_id)

    async def picture(self, job: Job, cell: int = 0) -> bytes:
        """A kept cell."""
        return await self.app.services.job_service.picture(job.id, cell)


def last_said(result: InteractionResult) -> Any:
    """The answer to an action: of its own, or what followed where a slow machine made the bot say "thinking" first."""
    return result.followups[-1] if result.followups else result.response


@asynccontextmanager
async def whole(settings: Settings) -> AsyncIterator[Whole]:
    """The bot from start to stop."""
    context = contextvars.Context()
    async with build(settings, context=context, fetch=discord.Attachment.read, shard_count=1) as app:
        env = simcord.Env(app.client, settle_timeout=PATIENCE_S, check_errors=False)
        env.backend.clock = WallClock()
        await env.start()
        context.run(_dpy_internals.set_webhook_adapter, env._webhook_adapter)
        guild = env.create_guild("Darkroom")
        channel = guild.create_text_channel("pictures")
        members = [guild.add_member(env.create_user(name)) for name in ("ada", "bo")]
        await app.services.job_service.start()
        try:
            yield Whole(app, env, channel, *members)
        finally:
            await app.services.job_service.stop(0.0)
            await env.shutdown()
