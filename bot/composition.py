"""What the bot is made of: each part is made once, when it is asked for first, from the parts that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

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
from bot.group_play import GroupPlay
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
from bot.store.members.statistics import Statistics
from bot.store.picture_turns import PictureTurns
from bot.store.pictures import PictureStore
from bot.store.wildcards import WildcardLists
from bot.tasks import Tasks
from bot.ui.content.result_pages import chosen_form
from bot.ui.interactions.services import Services
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.samples import Samples
from bot.ui.pictures.uploads import Fetch, Intake
from engine import POCKET_WEIGHTS, Engine


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The parts of the bot between what `bot.app.build` has opened and what Discord's client works with."""

    settings: Settings
    database: Database
    lease: Lease | None
    """This bot's lease, where several bots share the database."""
    engine: Engine
    drawing: Drawing
    tasks: Tasks
    fetch: Fetch
    clock: Callable[[], datetime]

    @cached_property
    def services(self) -> Services:
        """All that commands and buttons may reach. Making it starts what groups play, and learns what texts mean."""
        database, play = self.database, self._group_play
        return Services(
            settings=self.settings, engine=self.engine, job_service=self._job_service, jobs=self._jobs,
            pictures=self._pictures, members=self._members, rules=self._rules, quotas=self._quotas,
            log=AuditLog(database), statistics=Statistics(database), drawing=self.drawing, prices=self._prices,
            records=MemberRecordStore(database, self._pictures, self._pending_answers.of_member),
            intake=Intake(self.fetch, self.drawing, self._pictures), consents=self._consents, grants=self._grants,
            consent_requests=play.consent_requests, fingerprints=FingerprintStore(database),
            quarantines=Quarantines(database), kept_styles=KeptStyleStore(database, self._pictures, self.clock),
            pending_answers=self._pending_answers, clock=self.clock, rounds=play.rounds, evolutions=play.evolutions,
            interventions=play.interventions, shows=play.shows, hall=play.hall, announcer=play.announcer,
            wildcards=WildcardLists(self.settings.data_dir / "wildcards"), samples=self._samples, games=play.games,
            game_announcer=play.game_announcer, game_pictures=play.game_pictures,
            open_channels=OpenChannelStore(database), gallery_choices=GalleryChoiceStore(database),
            has_semantic_filter=self._semantic_filter is not None,
        )  # fmt: skip

    @cached_property
    def replies(self) -> DiscordReplies:
        """The messages of jobs."""
        form_of = chosen_form(self._members.preferences, self._rules.get, self.settings.discord.results)
        return DiscordReplies(
            self._jobs, self._pictures, self.drawing, self.tasks, clock=self.clock, form_of=form_of
        )  # fmt: skip

    @cached_property
    def _job_service(self) -> JobService:
        ports = Ports(
            engine=self.engine, jobs=self._jobs, outbox=OutboxStore(self.database), pictures=self._pictures,
            replies=self.replies, rules=RuleChecker(self._rules, self._quotas, self.clock, self._semantic_filter),
            estimates=LearntEstimates(self._timings), wording=Wording(self.settings.styles), clock=self.clock,
            is_ours=self.database.is_ours, hints=self._hints, fingerprint=fingerprint, tasks=self.tasks,
        )  # fmt: skip
        return JobService(ports)

    @cached_property
    def _group_play(self) -> GroupPlay:
        play = GroupPlay(
            self.database, self.engine, self._rules, self._jobs, self._pictures, self.drawing, self._job_service,
            self._consents, self._grants, self.tasks, self.clock,
        )  # fmt: skip
        play.start()
        return play

    @cached_property
    def _consents(self) -> Consents:
        return Consents(self._members.preferences, self._rules.get, self._jobs.get, self._grants)

    @cached_property
    def _prices(self) -> PriceList:
        return PriceList(
            self._timings, lambda name: next((m.picture_steps for m in self.engine.models() if m.name == name), None)
        )

    @cached_property
    def _samples(self) -> Samples:
        folder, draws = self.settings.data_dir / "samples", self.settings.operation.draw_samples
        return Samples(folder, self.engine, self.drawing, self.tasks, draws=draws)

    # --- meanings of texts ------------------------------------------------------------------------------

    @cached_property
    def _semantic_filter(self) -> SemanticFilter | None:
        """None where the embedded text encoder is not installed."""
        if not (POCKET_WEIGHTS / "text_encoder").exists():
            return None
        semantic_filter = SemanticFilter(self.engine.embed, sides=Sides.shipped())
        # Prepared now, so that the first prompt need not wait for it.
        self.tasks.start(semantic_filter.prepare(), "semantic filter")
        return semantic_filter

    @cached_property
    def _hints(self) -> Hints:
        return Hints(self.engine.models, HintStore(self.database))

    # --- stores -----------------------------------------------------------------------------------------

    @cached_property
    def _rules(self) -> GuildRulesStore:
        return GuildRulesStore(self.database, direct_rules(self.settings.direct_messages))

    @cached_property
    def _quotas(self) -> Quotas:
        return Quotas(self.database, self._rules)

    @cached_property
    def _timings(self) -> TimingStore:
        return TimingStore(self.database, self.clock)

    @cached_property
    def _jobs(self) -> JobStore:
        return JobStore(self.database, self._quotas)

    @cached_property
    def _pictures(self) -> PictureStore:
        pictures = PictureStore.open(self.settings.pictures_url or self.settings.data_dir / "pictures")
        pictures.turns = PictureTurns(self.database) if self.lease else None
        return pictures

    @cached_property
    def _members(self) -> MemberStore:
        return MemberStore(self.database, self.clock)

    @cached_property
    def _grants(self) -> GrantStore:
        return GrantStore(self.database)

    @cached_property
    def _pending_answers(self) -> SharedPendingAnswers | PendingAnswerStore:
        if self.lease:
            return SharedPendingAnswers(self.database, self.lease)
        return PendingAnswerStore(self.settings.data_dir / "promises.jsonl", self.database)
