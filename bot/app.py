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
from bot.domain.games.conductor import Conductor
from bot.domain.games.game_draws import GameDraws
from bot.domain.games.game_service import GameService
from bot.domain.games.likeness import Likeness
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_service import JobService
from bot.domain.moderation.access import banned_now
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.moderation.semantic_filter import SemanticFilter
from bot.domain.moderation.vocabulary_hints import Hints
from bot.domain.prompting.engine_requests import Wording
from bot.domain.quotas.button_prices import PriceList
from bot.domain.quotas.cost_estimates import LearntEstimates
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.deciding import Deciding
from bot.domain.rounds.drawing import Studio
from bot.domain.rounds.electorate import Electorate
from bot.domain.rounds.evolutions import Evolutions
from bot.domain.rounds.evolving import Evolving
from bot.domain.rounds.follow_up import VaryWinner
from bot.domain.rounds.interventions import Interventions
from bot.domain.rounds.ports import Play
from bot.domain.rounds.round import RoundKind
from bot.domain.rounds.round_service import RoundService
from bot.folders import writable
from bot.operation.housekeeping import Housekeeping
from bot.operation.metrics import Gauges
from bot.settings import Settings
from bot.store.backup.restore import finish_restore
from bot.store.database import Database
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.store.jobs.timings import TimingStore
from bot.store.jobs.told_hints import HintStore
from bot.store.members.member_records import MemberRecordStore
from bot.store.members.members import MemberStore
from bot.store.members.retention import Retention
from bot.store.members.statistics import Statistics
from bot.store.pictures import PictureStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.games import GameStore
from bot.store.rounds.rounds import RoundStore
from bot.store.single_instance import sole_use
from bot.tasks import Tasks
from bot.ui.interactions.services import Services
from bot.ui.job_reply.decision_pages import DecisionPages
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.job_reply.evolution_pages import EvolutionPages
from bot.ui.job_reply.game_announcer import GameAnnouncer
from bot.ui.job_reply.game_pictures import GamePictures
from bot.ui.job_reply.reply_message import now
from bot.ui.job_reply.round_announcer import RoundAnnouncer, RoundPages
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
        await finish_restore(settings)
        database = await Database.connect(settings.database)
        opened.push_async_callback(database.close)
        # Before the migration: another bot may be using the database as it is.
        evicted = await opened.enter_async_context(sole_use(database))
        await database.migrate(settings.data_dir / "backups")
        executor = ThreadPoolExecutor(2, thread_name_prefix="drawing")
        opened.callback(executor.shutdown, wait=True, cancel_futures=True)
        engine = await opened.enter_async_context(Engine(settings.engine))
        engine.load()
        tasks = Tasks(context)
        opened.push_async_callback(tasks.stop)
        fetch = fetch or Download(settings.discord.picture_origins)
        services, replies = _compose(settings, database, engine, Drawing(executor), tasks, fetch, clock)
        client = DarkroomClient(services, replies, shard_count=shard_count)
        housekeeping = Housekeeping(settings, database, services.rules, Retention(database, services.pictures), clock)

        def latency_s() -> float | None:
            return client.latency if client.is_ready() else None

        gauges = Gauges(engine, services.statistics, settings.data_dir, latency_s, database.unreadable)
        yield App(services, client, housekeeping, gauges, evicted)


def _compose(
    settings: Settings,
    database: Database,
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
    replies = DiscordReplies(jobs, pictures, drawing, tasks, clock=clock)
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
        hints=hints,
        tasks=tasks,
    )
    job_service, members = JobService(ports), MemberStore(database, clock)
    game_pictures = GamePictures(jobs, pictures, drawing)
    game_announcer = GameAnnouncer(GameStore(database), jobs, game_pictures, tasks)
    stores = RoundStore(database), EntryStore(database)
    pages: dict[RoundKind, RoundPages] = {
        RoundKind.DECIDE: DecisionPages(jobs, pictures, drawing),
        RoundKind.EVOLVE: EvolutionPages(jobs, pictures, drawing, *stores),
    }
    announcer = RoundAnnouncer(pages, tasks)
    played = _rounds(stores, rules, jobs, job_service, members, announcer, tasks, clock)
    pending_answers = PendingAnswerStore(settings.data_dir / "promises.jsonl", database)
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
        prices=PriceList(timings),
        pending_answers=pending_answers,
        clock=clock,
        rounds=played.rounds,
        evolutions=played.evolutions,
        interventions=played.interventions,
        announcer=announcer,
        samples=Samples(settings.data_dir / "samples", engine, drawing, tasks, draws=settings.operation.draw_samples),
        games=_games(database, engine, rules, jobs, job_service, game_announcer, tasks, clock),
        game_announcer=game_announcer,
        game_pictures=game_pictures,
        has_semantic_filter=semantic_filter is not None,
    )
    return services, replies


@dataclass(frozen=True)
class _Rounds:
    rounds: RoundService
    evolutions: Evolutions
    interventions: Interventions


def _rounds(
    stores: tuple[RoundStore, EntryStore],
    rules: GuildRulesStore,
    jobs: JobStore,
    job_service: JobService,
    members: MemberStore,
    announcer: RoundAnnouncer,
    tasks: Tasks,
    clock: Callable[[], datetime],
) -> _Rounds:
    store, entries = stores

    async def banned(guild_id: int, now: datetime) -> Collection[int]:
        return banned_now((await rules.get(guild_id)).bans, now)

    rounds = RoundService(store, Electorate(store, entries, store.present, banned, clock), announcer)
    follow_up = VaryWinner(jobs, job_service.submit, members.preferences)
    studio = Studio(jobs, job_service.submit, job_service.cancel)
    plays: dict[RoundKind, Play] = {
        RoundKind.DECIDE: Deciding(rounds, store, follow_up=follow_up, announcer=announcer),
        RoundKind.EVOLVE: Evolving(rounds, store, entries, studio, announcer),
    }
    deadlines = Deadlines(store, plays, clock=clock, hurry=rounds.hurry)

    async def run() -> None:
        await announcer.attached.wait()  # what is due may be shown from then on
        await deadlines.run()

    tasks.start(run(), "rounds")
    return _Rounds(
        rounds,
        Evolutions(store, entries, studio, job_service.check, clock),
        Interventions(rounds, store, entries, announcer, clock),
    )


def _games(
    database: Database,
    engine: Engine,
    rules: GuildRulesStore,
    jobs: JobStore,
    job_service: JobService,
    announcer: GameAnnouncer,
    tasks: Tasks,
    clock: Callable[[], datetime],
) -> GameService:
    store = GameStore(database)
    likeness = Likeness(engine.embed if (POCKET_WEIGHTS / "text_encoder").exists() else None)

    async def banned(guild_id: int, now: datetime) -> Collection[int]:
        return banned_now((await rules.get(guild_id)).bans, now)

    pictures = GameDraws(job_service, jobs)
    conductor = Conductor(store, announcer, pictures, likeness, banned=banned, clock=clock)

    async def run() -> None:
        await announcer.attached.wait()  # what is due may be shown from then on
        await conductor.run()

    tasks.start(run(), "games")
    return GameService(store, announcer, likeness, clock, conductor.wake)


def _read_meanings(database: Database, engine: Engine, tasks: Tasks) -> tuple[SemanticFilter | None, Hints | None]:
    """The filter and the hints that compare meanings; None where the embedded text encoder is not installed."""
    if not (POCKET_WEIGHTS / "text_encoder").exists():
        return None, None
    semantic_filter, hints = SemanticFilter(engine.embed), Hints(engine.embed, engine.models, HintStore(database))
    # Prepared now, so that the first prompt need not wait for it.
    tasks.start(semantic_filter.prepare(), "semantic filter")
    tasks.start(hints.prepare(), "hints")
    return semantic_filter, hints
