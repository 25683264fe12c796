"""A simulated server with moderators, over the real studio, rules, quotas and log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import discord
import numpy as np
from simcord import InteractionResult, MemberActor

from bot.client import DarkroomClient
from bot.domain.games.conductor import Conductor
from bot.domain.games.game_draws import GameDraws
from bot.domain.games.game_service import GameService
from bot.domain.games.likeness import Likeness
from bot.domain.model import Job
from bot.domain.moderation.access import banned_now
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.button_prices import PriceList
from bot.domain.rounds.asking import Asking
from bot.domain.rounds.consent_requests import ConsentRequests
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.deciding import Deciding
from bot.domain.rounds.drawing import Studio
from bot.domain.rounds.electorate import Electorate
from bot.domain.rounds.evolutions import Evolutions
from bot.domain.rounds.evolving import Evolving
from bot.domain.rounds.follow_up import VaryWinner
from bot.domain.rounds.interventions import Interventions
from bot.domain.rounds.round import RoundKind
from bot.domain.rounds.round_service import RoundService
from bot.domain.rounds.show_picker import ShowPicker
from bot.domain.rounds.showing import Showing
from bot.domain.rounds.shows import Shows
from bot.store.gallery.exhibits import ExhibitReads
from bot.store.jobs.timings import TimingStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.games import GameStore
from bot.store.rounds.hall import Hall
from bot.store.rounds.rounds import RoundStore
from bot.store.rounds.show_candidates import ShowCandidates
from bot.store.rounds.show_plans import ShowStore
from bot.tasks import Tasks
from bot.ui.content.credits import authors
from bot.ui.job_reply.consent_pages import ConsentPages
from bot.ui.job_reply.decision_pages import DecisionPages
from bot.ui.job_reply.evolution_pages import EvolutionPages
from bot.ui.job_reply.game_announcer import GameAnnouncer
from bot.ui.job_reply.game_pictures import GamePictures
from bot.ui.job_reply.round_announcer import RoundAnnouncer
from bot.ui.job_reply.show_pages import ShowPages
from bot.ui.pictures.compositing import Drawing
from engine.events import Finished, GeneratedImage, Safety
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
        self.round_store, pictures = RoundStore(self.database), client.services.pictures
        self.entries, drawing = EntryStore(self.database), Drawing(self.executor)
        lines, self.hall = ExhibitReads(self.database), Hall(self.database, pictures)
        self.plans = ShowStore(self.database)
        shown = {
            RoundKind.DECIDE: DecisionPages(self.jobs, pictures, drawing),
            RoundKind.EVOLVE: EvolutionPages(self.jobs, pictures, drawing, self.round_store, self.entries),
            RoundKind.CONSENT: ConsentPages(self.jobs, self.entries),
            RoundKind.SHOW: ShowPages(self.jobs, pictures, drawing, self.entries, lines),
        }
        announcer = RoundAnnouncer(shown, Tasks(self.context), interval_s=0.0, clock=self.now)
        electorate = Electorate(self.round_store, self.entries, self.round_store.present, self._banned, self.now)
        self.rounds = RoundService(self.round_store, electorate, announcer)
        asks = ConsentRequests(self.round_store, self.entries, self.now)
        follow_up = VaryWinner(self.jobs, self.job_service.submit, self.consents.needed, asks.ask)
        deciding = Deciding(self.rounds, self.round_store, follow_up=follow_up, announcer=announcer)
        self.game_store, drawing = GameStore(self.database), Drawing(self.executor)
        game_pictures, likeness = GamePictures(self.jobs, pictures, drawing), Likeness(first_words)
        board = GameAnnouncer(self.game_store, self.jobs, game_pictures, Tasks(self.context), interval_s=0.0)
        draws = GameDraws(self.job_service, self.jobs)
        self.conductor = Conductor(self.game_store, board, draws, likeness, banned=self._banned, clock=self.now)
        self.games = GameService(self.game_store, board, likeness, self.now, lambda: None)
        self.studio = studio = Studio(self.jobs, self.job_service.submit, self.job_service.cancel)
        evolving = Evolving(self.rounds, self.round_store, self.entries, studio, announcer)
        asking = Asking(
            self.rounds, self.round_store, self.entries, announcer, consents=self.consents, grants=self.grants,
            jobs=self.jobs, submit=self.job_service.submit,
        )  # fmt: skip
        picker = ShowPicker(ShowCandidates(self.database), lines, self.now)
        showing = Showing(
            self.rounds, self.round_store, self.entries, self.plans, announcer, picker=picker, hall=self.hall,
            jobs=self.jobs, makers=partial(authors, self.jobs),
        )  # fmt: skip
        self.shows = Shows(
            self.rounds, self.round_store, self.entries, self.plans, announcer, picker, rules=self.rules_store.get,
            banned=self._banned, clock=self.now,
        )  # fmt: skip
        plays = {
            RoundKind.DECIDE: deciding, RoundKind.EVOLVE: evolving, RoundKind.CONSENT: asking, RoundKind.SHOW: showing
        }  # fmt: skip
        self.deadlines = Deadlines(self.round_store, plays, clock=self.now, hurry=self._hurry)
        client.services = replace(
            client.services, games=self.games, game_announcer=board, game_pictures=game_pictures, rounds=self.rounds,
            announcer=announcer, engine=self.switch, has_semantic_filter=True,
            evolutions=Evolutions(self.round_store, self.entries, studio, self.job_service.check, self.now),
            interventions=Interventions(self.rounds, self.round_store, self.entries, announcer, self.now),
            consent_requests=asks,
            prices=PriceList(TimingStore(self.database, self.now)), shows=self.shows, hall=self.hall,
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
        return next(message for message in self.channel.history() if message.id == message_id)

    def mark_age_restricted(self, channel: Any) -> None:
        """As a server's settings can; the simulated ones know nothing of it."""
        self.client.get_channel(channel.id).nsfw = True

    async def _banned(self, guild_id: int, now: datetime) -> frozenset[int]:
        return banned_now((await self.rules_store.get(guild_id)).bans, now)

    async def _hurry(self) -> None:
        await self.rounds.hurry()
        await self.shows.turn()

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
