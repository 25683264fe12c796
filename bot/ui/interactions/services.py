"""The client as commands and buttons see it, and the services they may use, given once by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import discord

from bot.domain.games.game_service import GameService
from bot.domain.jobs.job_service import JobService
from bot.domain.jobs.pending_answers import PendingAnswers
from bot.domain.model import Cell, Job, Verb
from bot.domain.moderation.consents import Consents
from bot.domain.quotas.button_prices import Price
from bot.domain.rounds.consent_requests import ConsentRequests
from bot.domain.rounds.evolutions import Evolutions
from bot.domain.rounds.interventions import Interventions
from bot.domain.rounds.round_service import RoundService
from bot.domain.rounds.shows import Shows
from bot.settings import Settings
from bot.store.gallery.choices import GalleryChoiceStore
from bot.store.gallery.open_channels import OpenChannelStore
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.fingerprints import FingerprintStore
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.quarantines import Quarantines
from bot.store.members.grants import GrantStore
from bot.store.members.kept_styles import KeptStyleStore
from bot.store.members.member_records import MemberRecordStore
from bot.store.members.members import MemberStore
from bot.store.members.statistics import Statistics
from bot.store.pictures import PictureStore
from bot.store.rounds.hall import Hall
from bot.store.wildcards import WildcardLists
from bot.ui.content.custom_ids import Act, ButtonId, FormId, RoundId
from bot.ui.content.modals import Filled
from bot.ui.interactions.dealt_shards import DealtShards
from bot.ui.interactions.pending_answers import AnswerTracker
from bot.ui.interactions.remembered_attachments import SeenPictures
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.job_reply.game_announcer import GameAnnouncer
from bot.ui.job_reply.game_pictures import GamePictures
from bot.ui.job_reply.reply_message import now
from bot.ui.job_reply.round_announcer import RoundAnnouncer
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.samples import Samples
from bot.ui.pictures.uploads import Intake
from engine import Engine


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a command may reach besides Discord itself."""

    settings: Settings
    engine: Engine
    job_service: JobService
    jobs: JobStore
    pictures: PictureStore
    members: MemberStore
    rules: GuildRulesStore
    quotas: Quotas
    log: AuditLog
    records: MemberRecordStore
    statistics: Statistics
    intake: Intake
    drawing: Drawing
    """Decodes and composes pictures off the event loop."""
    prices: Callable[[Job, Cell], Awaitable[Mapping[Verb, Price]]]
    """What can be made of a kept picture, and what each of it will cost."""
    consents: Consents
    """Whether owners let others make something of their pictures."""
    grants: GrantStore | None = None
    """Whom they always let."""
    consent_requests: ConsentRequests | None = None
    """Asks owners; None: who wants to be asked is not, and lets nobody."""
    fingerprints: FingerprintStore | None = None
    """Recognises pictures that are uploaded again; None: none is."""
    quarantines: Quarantines | None = None
    kept_styles: KeptStyleStore | None = None
    """Style pictures that members keep by name; None: nobody can."""
    pending_answers: PendingAnswers | None = None
    """Interactions that show "thinking…", for the next start; None: they are not stored."""
    clock: Callable[[], datetime] = now
    defer_after_s: float = 0.03
    """An interaction without an answer after this time shows "thinking…"."""
    rounds: RoundService | None = None
    evolutions: Evolutions | None = None
    interventions: Interventions | None = None
    """Votes of groups; None: nobody can begin one."""
    shows: Shows | None = None
    """Weekly shows; None: there are none."""
    hall: Hall | None = None
    """The winners of shows."""
    wildcards: WildcardLists | None = None
    """The host's lists for prompts; None: there are none."""
    samples: Samples | None = None
    """Sample pictures of what the host offers; None: pages show none."""
    announcer: RoundAnnouncer | None = None
    """Shows votes; needs the client once it is there."""
    games: GameService | None = None
    """Games of channels; None: nobody can begin one."""
    game_announcer: GameAnnouncer | None = None
    """Shows games; needs the client once it is there."""
    game_pictures: GamePictures | None = None
    """The pictures that games show privately."""
    open_channels: OpenChannelStore | None = None
    """Where the gallery finds which channels everybody can read; None: nobody notes it."""
    gallery_choices: GalleryChoiceStore | None = None
    """What makers say about single pictures in the gallery."""
    has_semantic_filter: bool = False
    """Whether moderators can switch on the filter that compares meanings: it needs the embedded text encoder."""

    def models(self) -> tuple[str, ...]:
        """Names of the models, for autocomplete; read from memory."""
        return tuple(spec.name for spec in self.engine.models())


class Darkroom(DealtShards):
    """The bot with its services; `bot.client` adds the commands and the way they reach Discord."""

    services: Services
    replies: DiscordReplies
    answer_tracker: AnswerTracker
    offered: frozenset[Act]
    """The acts that buttons can do; no other button is shown."""
    seen: SeenPictures
    """Other people's pictures that somebody is asked about in a form."""

    async def press(self, interaction: discord.Interaction[Darkroom], button_id: ButtonId) -> None:
        """Do what a button says."""
        raise NotImplementedError

    async def press_round(self, interaction: discord.Interaction[Darkroom], round_id: RoundId) -> None:
        """Do what a round's button says."""
        raise NotImplementedError

    async def fill(self, interaction: discord.Interaction[Darkroom], form_id: FormId, filled: Filled) -> None:
        """Do what a form was filled in for."""
        raise NotImplementedError
