"""The composition root: from settings to a running bot, in an order that can be undone."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.client import DarkroomClient
from bot.direct_rules import direct_rules
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_service import JobService
from bot.domain.moderation.access import banned_now
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.moderation.semantic_filter import SemanticFilter
from bot.domain.moderation.services import ModerationServices
from bot.domain.moderation.vocabulary_hints import Hints
from bot.domain.prompting.engine_requests import Wording
from bot.domain.quotas.button_prices import PriceList
from bot.domain.quotas.cost_estimates import LearntEstimates
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.electorate import Electorate
from bot.domain.rounds.follow_up import VaryWinner
from bot.domain.rounds.round_service import RoundService
from bot.folders import writable
from bot.operation.housekeeping import Housekeeping
from bot.operation.metrics import Gauges
from bot.settings import Settings
from bot.store.database import Database
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.store.jobs.timings import TimingStore
from bot.store.jobs.told_hints import HintStore
from bot.store.members.member_records import Records
from bot.store.members.members import MemberStore
from bot.store.members.retention import Retention
from bot.store.members.statistics import Statistics
from bot.store.pictures import PictureStore
from bot.store.rounds.rounds import RoundStore
from bot.store.single_instance import sole_use
from bot.tasks import Tasks
from bot.ui.content.quota_texts import usage
from bot.ui.interactions.services import Parts
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.job_reply.reply_message import now
from bot.ui.job_reply.round_announcer import RoundAnnouncer
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Download, Fetch, Intake
from engine import POCKET_WEIGHTS, Engine


@dataclass(frozen=True)
class App:
    """The running parts; `client` is not connected yet and `job_service` not started."""

    settings: Settings
    database: Database
    engine: Engine
    job_service: JobService
    client: DarkroomClient
    housekeeping: Housekeeping
    gauges: Gauges
    evicted: asyncio.Future[None]
    """Fails when another bot has come to use the database."""


@dataclass(frozen=True)
class Outside:
    """What differs between Discord and the playground."""

    fetch: Fetch
    clock: Callable[[], datetime]
    tasks: Tasks
    shard_count: int | None


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    context: contextvars.Context | None = None,
    fetch: Fetch | None = None,
    clock: Callable[[], datetime] = now,
    shard_count: int | None = None,
) -> AsyncGenerator[App]:
    """Open everything, and close it in reverse.

    `context` is where background work runs (see `Tasks`); `fetch` gets members' uploads, by default from Discord.
    Raises `ConfigError` and `MigrationFailed`.
    """
    async with AsyncExitStack() as opened:
        direct_rules(settings.direct_messages)  # what is wrong in it is said before anything is opened
        writable(settings.data_dir, "data_dir")
        database = await Database.open(settings.database, backups=settings.data_dir / "backups")
        opened.push_async_callback(database.close)
        evicted = await opened.enter_async_context(sole_use(database))
        drawing = ThreadPoolExecutor(2, thread_name_prefix="drawing")
        opened.callback(drawing.shutdown, wait=True, cancel_futures=True)
        engine = await opened.enter_async_context(Engine(settings.engine))
        engine.load()
        outside = Outside(fetch or Download(settings.discord.picture_origins), clock, Tasks(context), shard_count)
        opened.push_async_callback(outside.tasks.stop)
        meaning = SemanticFilter(engine.embed) if _has_meaning() else None
        if meaning:
            outside.tasks.start(meaning.prepare(), "meaning")  # so that the first prompt need not wait for it
        yield _compose(settings, database, engine, Drawing(drawing), outside, meaning, evicted)


@dataclass(frozen=True)
class Stores:
    """Everything that is kept."""

    database: Database
    rules_store: GuildRulesStore
    quotas: Quotas
    jobs: JobStore
    pictures: PictureStore
    numbers: Statistics


def _stores(settings: Settings, database: Database) -> Stores:
    rules_store = GuildRulesStore(database, direct_rules(settings.direct_messages))
    quotas = Quotas(database, rules_store)
    pictures = PictureStore.open(settings.pictures_url or settings.data_dir / "pictures")
    return Stores(database, rules_store, quotas, JobStore(database, quotas), pictures, Statistics(database))


def _compose(
    settings: Settings,
    database: Database,
    engine: Engine,
    drawing: Drawing,
    outside: Outside,
    meaning: SemanticFilter | None,
    evicted: asyncio.Future[None],
) -> App:
    kept, clock = _stores(settings, database), outside.clock
    replies = DiscordReplies(kept.jobs, kept.pictures, drawing, outside.tasks, clock=clock)
    job_service = JobService(_ports(settings, kept, engine, replies, outside, meaning))
    pending_answers = PendingAnswerStore(settings.data_dir / "promises.jsonl", kept.database)
    announcer = RoundAnnouncer(kept.jobs, kept.pictures, drawing, outside.tasks)
    members = MemberStore(database, clock)
    rounds = _rounds(kept, job_service, members, announcer, outside)
    parts = Parts(
        settings=settings,
        job_service=job_service,
        jobs=kept.jobs,
        pictures=kept.pictures,
        members=members,
        rules=kept.rules_store,
        intake=Intake(outside.fetch, drawing, kept.pictures),
        drawing=drawing,
        clock=clock,
        models=lambda: tuple(spec.name for spec in engine.models()),
        usage=usage(kept.quotas, clock),
        prices=PriceList(TimingStore(database, clock)),
        office=_office(kept, engine, job_service, pending_answers),
        rounds=rounds,
        announcer=announcer,
        pending_answers=pending_answers,
    )
    client = DarkroomClient(parts, replies, shard_count=outside.shard_count)
    housekeeping = Housekeeping(settings, database, kept.rules_store, Retention(database, kept.pictures), clock)
    gauges = Gauges(engine, kept.numbers, settings.data_dir, lambda: client.latency if client.is_ready() else None)
    return App(settings, database, engine, job_service, client, housekeeping, gauges, evicted)


def _ports(
    settings: Settings,
    kept: Stores,
    engine: Engine,
    replies: DiscordReplies,
    outside: Outside,
    meaning: SemanticFilter | None,
) -> Ports:
    return Ports(
        engine=engine,
        jobs=kept.jobs,
        outbox=OutboxStore(kept.database),
        pictures=kept.pictures,
        replies=replies,
        rules=RuleChecker(kept.rules_store, kept.quotas, outside.clock, meaning),
        estimates=LearntEstimates(TimingStore(kept.database, outside.clock)),
        wording=Wording(settings.styles),
        clock=outside.clock,
        hints=_hints(kept, engine, outside),
        tasks=outside.tasks,
    )


def _rounds(
    kept: Stores, job_service: JobService, members: MemberStore, announcer: RoundAnnouncer, outside: Outside
) -> RoundService:
    store = RoundStore(kept.database)

    async def banned(guild_id: int, now: datetime) -> Collection[int]:
        return banned_now((await kept.rules_store.get(guild_id)).bans, now)

    electorate = Electorate(store, store.present, banned, outside.clock)
    rounds = RoundService(store, electorate, announcer)
    follow_up = VaryWinner(kept.jobs, job_service.submit, members.preferences)
    deadlines = Deadlines(rounds, store, follow_up=follow_up, announcer=announcer, clock=outside.clock)

    async def run() -> None:
        await announcer.attached.wait()  # what is due may be shown from then on
        await deadlines.run()

    outside.tasks.start(run(), "rounds")
    return rounds


def _hints(kept: Stores, engine: Engine, outside: Outside) -> Hints | None:
    if not _has_meaning():
        return None
    hints = Hints(engine.embed, engine.models, HintStore(kept.database))
    outside.tasks.start(hints.prepare(), "hints")
    return hints


def _office(
    kept: Stores, engine: Engine, job_service: JobService, pending_answers: PendingAnswerStore
) -> ModerationServices:
    return ModerationServices(
        rules_store=kept.rules_store,
        quotas=kept.quotas,
        log=AuditLog(kept.database),
        records=Records(kept.database, kept.pictures, pending_answers),
        numbers=kept.numbers,
        review=job_service,
        engine=engine,
        has_meaning=_has_meaning(),
    )


def _has_meaning() -> bool:
    """The meaning rule and hints need the embedded text encoder."""
    return (POCKET_WEIGHTS / "text_encoder").exists()
