"""The composition root: from settings to a running bot, in an order that can be undone."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.client import DarkroomClient
from bot.direct_rules import direct_rules
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.fingerprint import fingerprint
from bot.domain.jobs.job_service import JobService
from bot.domain.moderation.consents import Consents
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.moderation.semantic_filter import SemanticFilter, Sides
from bot.domain.moderation.vocabulary_hints import Hints
from bot.domain.prompting.engine_requests import Wording
from bot.domain.quotas.button_prices import PriceList
from bot.domain.quotas.cost_estimates import LearntEstimates
from bot.exclusive_or_shared import exclusive_or_shared
from bot.folders import writable
from bot.group_play import GroupPlay
from bot.operation.housekeeping import Housekeeping
from bot.operation.metrics import Gauges
from bot.operation.shard_keeper import ShardKeeper
from bot.settings import Settings
from bot.store.backup.restore import finish_restore
from bot.store.database import Database
from bot.store.gallery.choices import GalleryChoiceStore
from bot.store.gallery.open_channels import OpenChannelStore
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.fingerprints import FingerprintStore
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.store.jobs.quarantines import Quarantines
from bot.store.jobs.shared_pending_answers import SharedPendingAnswers
from bot.store.jobs.timings import TimingStore
from bot.store.jobs.told_hints import HintStore
from bot.store.leases import Lease
from bot.store.members.grants import GrantStore
from bot.store.members.kept_styles import KeptStyleStore
from bot.store.members.member_records import MemberRecordStore
from bot.store.members.members import MemberStore
from bot.store.members.retention import Retention
from bot.store.members.statistics import Statistics
from bot.store.picture_turns import PictureTurns
from bot.store.pictures import PictureStore
from bot.store.wildcards import WildcardLists
from bot.tasks import Tasks
from bot.ui.content.result_pages import chosen_form
from bot.ui.interactions.services import Services
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.job_reply.reply_message import now
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.samples import Samples
from bot.ui.pictures.uploads import Download, Fetch, Intake
from engine import POCKET_WEIGHTS, Engine


@dataclass(frozen=True)
class App:
    """The running bot; `client` is not connected yet and the job service not started."""

    services: Services
    client: DarkroomClient
    housekeeping: Housekeeping
    gauges: Gauges
    evicted: asyncio.Future[None]
    """Fails when another bot has come to use the database."""
    keeper: ShardKeeper | None = None
    """Where several bots share the database: what keeps this bot's shards."""


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    engine: Engine | None = None,
    context: contextvars.Context | None = None,
    fetch: Fetch | None = None,
    clock: Callable[[], datetime] = now,
    shard_count: int | None = None,
) -> AsyncGenerator[App]:
    """Open everything, and close it in reverse.

    `engine` is one of the same settings that has begun its imports. `context` is where background work runs (see
    `Tasks`); `fetch` gets members' uploads, by default from Discord.
    Raises `ConfigError` and `MigrationFailed`.
    """
    async with AsyncExitStack() as opened:
        direct_rules(settings.direct_messages)  # what is wrong in it is said before anything is opened
        writable(settings.data_dir, "data_dir")
        await finish_restore(settings)
        database = await Database.connect(settings.database)
        opened.push_async_callback(database.close)
        # Before the migration: another bot may be using the database as it is.
        evicted, lease = await opened.enter_async_context(exclusive_or_shared(settings, database))
        executor = ThreadPoolExecutor(2, thread_name_prefix="drawing")
        opened.callback(executor.shutdown, wait=True, cancel_futures=True)
        engine = await opened.enter_async_context(engine or Engine(settings.engine))
        engine.load()
        tasks = Tasks(context)
        opened.push_async_callback(tasks.stop)
        fetch = fetch or Download(settings.discord.picture_origins)
        services, replies = _compose(settings, database, lease, engine, Drawing(executor), tasks, fetch, clock)
        keeper = ShardKeeper(lease, database.shards, tasks) if lease and database.shards else None
        shard_count = shard_count or settings.discord.shard_count
        client = DarkroomClient(services, replies, shard_count=shard_count, dealer=keeper)
        housekeeping = Housekeeping(settings, database, services.rules, Retention(database, services.pictures), clock)

        def latency_s() -> float | None:
            return client.latency_s if client.is_ready() else None

        gauges = Gauges(engine, services.statistics, settings.data_dir, latency_s, database)
        yield App(services, client, housekeeping, gauges, evicted, keeper)


def _compose(
    settings: Settings,
    database: Database,
    lease: Lease | None,
    engine: Engine,
    drawing: Drawing,
    tasks: Tasks,
    fetch: Fetch,
    clock: Callable[[], datetime],
) -> tuple[Services, DiscordReplies]:
    rules = GuildRulesStore(database, direct_rules(settings.direct_messages))
    quotas, timings = Quotas(database, rules), TimingStore(database, clock)
    jobs = JobStore(database, quotas)
    pictures = PictureStore.open(settings.pictures_url or settings.data_dir / "pictures")
    pictures.turns = PictureTurns(database) if lease else None
    members = MemberStore(database, clock)
    form_of = chosen_form(members.preferences, rules.get, settings.discord.results)
    replies = DiscordReplies(jobs, pictures, drawing, tasks, clock=clock, form_of=form_of)
    semantic_filter, hints = _read_meanings(database, engine, tasks)
    ports = Ports(
        engine=engine,
        jobs=jobs,
        outbox=OutboxStore(database),
        pictures=pictures,
        replies=replies,
        rules=RuleChecker(rules, quotas, clock, semantic_filter),
        estimates=LearntEstimates(timings),
        wording=Wording(settings.styles),
        clock=clock,
        is_ours=database.is_ours,
        hints=hints,
        fingerprint=fingerprint,
        tasks=tasks,
    )
    job_service, grants = JobService(ports), GrantStore(database)
    consents = Consents(members.preferences, rules.get, jobs.get, grants)
    play = GroupPlay(
        database, engine, rules, jobs, pictures, drawing, job_service, consents, grants, tasks, clock
    )  # fmt: skip
    rounds, games = play.rounds(), play.games()
    pending_answers = (
        SharedPendingAnswers(database, lease)
        if lease
        else PendingAnswerStore(settings.data_dir / "promises.jsonl", database)
    )
    services = Services(
        settings=settings,
        engine=engine,
        job_service=job_service,
        jobs=jobs,
        pictures=pictures,
        members=members,
        rules=rules,
        quotas=quotas,
        log=AuditLog(database),
        records=MemberRecordStore(database, pictures, pending_answers.of_member),
        statistics=Statistics(database),
        intake=Intake(fetch, drawing, pictures),
        drawing=drawing,
        prices=PriceList(
            timings, lambda name: next((m.picture_steps for m in engine.models() if m.name == name), None)
        ),
        consents=consents,
        grants=grants,
        consent_requests=rounds.consent_requests,
        fingerprints=FingerprintStore(database),
        quarantines=Quarantines(database),
        kept_styles=KeptStyleStore(database, pictures, clock),
        pending_answers=pending_answers,
        clock=clock,
        rounds=rounds.rounds,
        evolutions=rounds.evolutions,
        interventions=rounds.interventions,
        shows=rounds.shows,
        hall=rounds.hall,
        announcer=rounds.announcer,
        wildcards=WildcardLists(settings.data_dir / "wildcards"),
        samples=Samples(settings.data_dir / "samples", engine, drawing, tasks, draws=settings.operation.draw_samples),
        games=games.games,
        game_announcer=games.announcer,
        game_pictures=games.pictures,
        open_channels=OpenChannelStore(database),
        gallery_choices=GalleryChoiceStore(database),
        has_semantic_filter=semantic_filter is not None,
    )
    return services, replies


def _read_meanings(database: Database, engine: Engine, tasks: Tasks) -> tuple[SemanticFilter | None, Hints | None]:
    """The filter and the hints that compare meanings; None where the embedded text encoder is not installed."""
    if not (POCKET_WEIGHTS / "text_encoder").exists():
        return None, None
    semantic_filter = SemanticFilter(engine.embed, sides=Sides.shipped())
    hints = Hints(engine.embed, engine.models, HintStore(database))
    # Prepared now, so that the first prompt need not wait for it.
    tasks.start(semantic_filter.prepare(), "semantic filter")
    tasks.start(hints.prepare(), "hints")
    return semantic_filter, hints
