"""A simulated server under the real client, with the real job service and stores; only the engine follows a script."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import discord
import simcord
from simcord import _dpy_internals

from bot.client import DarkroomClient
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.fingerprint import fingerprint
from bot.domain.jobs.job_service import JobService
from bot.domain.moderation.consents import Consents
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.moderation.vocabulary_hints import Hints
from bot.domain.prompting.engine_requests import Wording
from bot.settings import Settings
from bot.store.database import Database
from bot.store.gallery.choices import GalleryChoiceStore
from bot.store.gallery.open_channels import OpenChannelStore
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.fingerprints import FingerprintStore
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.jobs.quarantines import Quarantines
from bot.store.members.grants import GrantStore
from bot.store.members.kept_styles import KeptStyleStore
from bot.store.members.member_records import MemberRecordStore
from bot.store.members.members import MemberStore
from bot.store.members.statistics import Statistics
from bot.store.pictures import PictureStore
from bot.tasks import Tasks
from bot.ui.interactions.services import Services
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Intake
from engine.events import Finished, GeneratedImage, Preview, Progress, Safety, Started
from tests.bot.domain.scripted import ScriptedEngine, ScriptedStream
from tests.bot.domain.studios import Remembered
from tests.bot.scripted import COLOURS, NamedModels, no_prices, png, webp
from tests.patience import PATIENCE_S


class StoredServer:
    """What outlives the process: Discord, the database file and the picture folder."""

    def __init__(self, folder: Path, direct: GuildRules | None = None) -> None:
        self.folder, self.direct = folder, direct
        self.executor = ThreadPoolExecutor(1)
        self.env: simcord.Env

    async def open(self) -> DarkroomClient:
        """A process's worth of services, made anew."""
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
                clock=self.now, fingerprint=fingerprint,
                hints=self.hints(), tasks=tasks,
            )
        )  # fmt: skip
        members = MemberStore(self.database, self.now)
        self.grants = GrantStore(self.database)
        self.consents = Consents(members.preferences, self.rules_store.get, jobs.get, self.grants)
        services = Services(
            consents=self.consents, grants=self.grants, fingerprints=FingerprintStore(self.database),
            quarantines=Quarantines(self.database),
            kept_styles=KeptStyleStore(self.database, pictures, self.now),
            settings=Settings(data_dir=self.folder), job_service=self.job_service, jobs=jobs, pictures=pictures,
            members=members, rules=self.rules_store, quotas=quotas,
            log=AuditLog(self.database), records=MemberRecordStore(self.database, pictures),
            statistics=Statistics(self.database),
            engine=NamedModels("pocket"), prices=no_prices, drawing=drawing,
            intake=Intake(discord.Attachment.read, drawing, pictures), clock=self.now, defer_after_s=1.2,
            open_channels=OpenChannelStore(self.database), gallery_choices=GalleryChoiceStore(self.database),
        )  # fmt: skip
        return DarkroomClient(services, replies, shard_count=1)

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
        database = self.database
        await self.env.restart_bot(await self.open())
        await database.close()  # last, as the app does: what the old client still reads would wait for ever
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


def draw(stream: ScriptedStream) -> None:
    stream.post(Started("cpu"), Progress(1, 4, Preview(webp("grey"), 32, 32)), Progress(2, 4))


def finish(stream: ScriptedStream, is_known: bool = True) -> None:
    images = tuple(
        GeneratedImage(png(COLOURS[number]), 64, 64, stream.request.seed + number, Safety(0.01))
        for number in range(stream.request.num_images)
    )
    stream.post(Finished(images=images, gpu_ms=800.0, is_known=is_known))
