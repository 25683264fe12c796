"""A simulated server with moderators, over the real studio, rules, quotas and log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import discord
import numpy as np
from simcord import InteractionResult, MemberActor

from bot.client import DarkroomClient
from bot.domain.model import Job
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.button_prices import PriceList
from bot.group_play import GroupPlay
from bot.store.jobs.timings import TimingStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.games import GameStore
from bot.store.rounds.rounds import RoundStore
from bot.store.rounds.show_plans import ShowStore
from bot.tasks import Tasks
from bot.ui.pictures.compositing import Drawing
from engine.events import Finished, GeneratedImage, Safety
from tests.bot.one_message import message_in
from tests.bot.scripted import COLOURS, NamedModels, png
from tests.bot.stored_server import StoredServer
from tests.bot.world import eventually


async def first_words(texts: Sequence[str]) -> Any:
    """Vectors by which texts with the same first four words are near."""
    words = [" ".join(text.split()[:4]) for text in texts]
    kinds = list(dict.fromkeys(words))
    return np.eye(len(kinds), dtype=np.float32)[[kinds.index(each) for each in words]]


class Court(StoredServer):
    """ada and bo are members, mo is a moderator by permission, ria by a role of theirs once it is configured."""

    async def open(self) -> DarkroomClient:
        client = await super().open()
        self.switch = NamedModels("pocket", "sdxl")
        self.quotas, self.log = client.services.quotas, client.services.log
        embedder: Any = SimpleNamespace(embed=first_words)
        play = GroupPlay(
            self.database, embedder, self.rules_store, self.jobs, client.services.pictures, Drawing(self.executor),
            self.job_service, self.consents, self.grants, Tasks(self.context), self.now, counter_s=0.0,
        )  # fmt: skip
        self.round_store, self.entries = RoundStore(self.database), EntryStore(self.database)
        self.game_store, self.plans, self.hall = GameStore(self.database), ShowStore(self.database), play.hall
        self.rounds, self.shows, self.deadlines = play.rounds, play.shows, play.deadlines
        self.games, self.conductor = play.games, play.conductor
        client.services = replace(
            client.services, games=play.games, game_announcer=play.game_announcer, game_pictures=play.game_pictures,
            rounds=play.rounds, announcer=play.announcer, engine=self.switch, has_semantic_filter=True,
            evolutions=play.evolutions, interventions=play.interventions, consent_requests=play.consent_requests,
            prices=PriceList(TimingStore(self.database, self.now)), shows=play.shows, hall=play.hall,
        )  # fmt: skip
        self.client, self.drawn = client, 0
        return client

    async def start(self) -> None:
        await super().start()
        self.guild = self.channel.guild
        mods = self.guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
        self.helpers = self.guild.create_role("helpers")
        self.bo = self.guild.add_member(self.env.create_user("bo"))
        self.mo = self.guild.add_member(self.env.create_user("mo"), roles=[mods])
        self.ria = self.guild.add_member(self.env.create_user("ria"), roles=[self.helpers])

    async def allow(self, command: str, actor: MemberActor) -> None:
        """Show a moderators' command to somebody, as a server's integration settings can."""
        found = {listed.name: listed for listed in await self.client.tree.fetch_commands()}
        self.guild.set_command_permissions(found[command].id, {actor: True})

    def message(self, message_id: int) -> discord.Message:
        """A message as it is now."""
        return message_in(self.env, self.channel, message_id)

    def mark_age_restricted(self, channel: Any) -> None:
        """As a server's settings can; the simulated ones know nothing of it."""
        self.client.get_channel(channel.id).nsfw = True

    async def counted(self, *, after_s: float = 0.0) -> None:
        """Let time pass for votes; what is due is done."""
        if after_s:
            await self.env.advance_time(after_s)
        await asyncio.create_task(self.deadlines.turn(self.now()), context=self.context)

    async def rules(self) -> GuildRules:
        return await self.rules_store.get(self.guild.id)

    async def newest(self) -> AuditEntry:
        return (await self.log.newest(self.guild.id, 1))[0]

    async def say(self, actor: Any, command: str, **options: Any) -> str:
        """What a command answers."""
        return said(await actor.slash(self.channel, command, **options))

    async def draw(
        self, *, score: float | None = 0.01, error: str = "", gpu_ms: float = 800.0, picture: bytes = b""
    ) -> Job:
        """Let the next request finish, with this picture where one is given; the job as it is then."""
        stream = await self.engine.stream(self.drawn)
        self.drawn += 1
        (job,) = [job for job in await self.jobs.active() if str(job.member_id) == stream.request.member]
        images = tuple(
            GeneratedImage(picture or png(COLOURS[number]), 64, 64, stream.request.seed + number, Safety(score, error))
            for number in range(stream.request.num_images)
        )
        stream.post(Finished(images=images, gpu_ms=gpu_ms))
        await self.job_service.wait(job.id)
        return await self.jobs.get(job.id)

    async def imagine(self, actor: Any, prompt: str = "a red fox", **how: Any) -> Job:
        """From the command to the result."""
        asked = await actor.slash(self.channel, "imagine", prompt=prompt)
        assert asked.response is not None and not asked.response.ephemeral, asked.response
        return await self.draw(**how)


def said(result: InteractionResult) -> str:
    """What the bot answered privately."""
    assert result.response is not None
    assert result.response.ephemeral, result.response.content
    return result.response.content


__all__ = ["Court", "eventually", "said"]
