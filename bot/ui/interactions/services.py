"""The client as commands and buttons see it: the parts they may use, given once by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import discord
from discord.ext import commands

from bot.domain.jobs.pending_answers import PendingAnswers
from bot.domain.model import Ask, Cell, CellRef, Job, Member, Place, Preferences, Verb
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.services import ModerationServices
from bot.domain.ports import Jobs, Pictures
from bot.domain.quotas.button_prices import Price
from bot.domain.quotas.quota import Use
from bot.domain.rounds.round_service import RoundService
from bot.settings import Settings
from bot.ui.content.custom_ids import Act, ButtonId, FormId
from bot.ui.content.modals import Filled
from bot.ui.interactions.pending_answers import AnswerTracker
from bot.ui.interactions.remembered_attachments import SeenPictures
from bot.ui.job_reply.discord_replies import DiscordReplies
from bot.ui.job_reply.reply_message import now
from bot.ui.job_reply.round_announcer import RoundAnnouncer
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Intake


class JobServicePort(Protocol):
    """What people's wishes need of the studio."""

    async def submit(self, ask: Ask) -> Job:
        """Accept a wish. Raises `UserError` and `EngineError`; then nothing is charged."""
        ...

    async def check_entry(self, by: Member, place: Place) -> None:
        """Raises a `UserError` when bans, pause or channel rules keep this member out."""
        ...

    async def check_post(self, job: Job, by: Member, place: Place) -> None:
        """Raises a `UserError` when the rules of that place forbid to post a kept result."""
        ...

    async def cancel(self, job_id: str, by: Member) -> Job:
        """End a job. Raises `OwnersOnly` and `JobNotFound`."""
        ...

    async def gone(self, job_id: str) -> None:
        """The reply was deleted: end the job."""
        ...

    async def wait(self, job_id: str) -> Job:
        """Wait until a job is over and its reply says so. Raises `JobNotFound`."""
        ...

    async def cell(self, job_id: str, cell: int) -> Cell:
        """A kept picture's row. Raises `CellNotFound`."""
        ...

    async def picture(self, job_id: str, cell: int) -> bytes:
        """A kept picture. Raises `CellNotFound`."""
        ...

    async def frames(self, job_id: str) -> list[bytes]:
        """The small x0 frames from static to picture, or none."""
        ...


class JobsPort(Jobs, Protocol):
    """What people may read of the stored jobs."""

    async def active(self, member_id: int | None = None, guild_id: int | None = None) -> list[Job]:
        """Queued and running ones, oldest first."""
        ...

    async def recent(self, member_id: int, limit: int, guild_id: int | None = None) -> list[Job]:
        """A member's newest jobs; those on one server, or all."""
        ...

    async def family(self, job_id: str, limit: int = ...) -> list[Job]:
        """The job, all it came from and all that came from those, oldest first."""
        ...


class MembersPort(Protocol):
    """What members set for themselves and marked as theirs."""

    async def preferences(self, member_id: int) -> Preferences:
        """The defaults when nothing was set."""
        ...

    async def prefer(self, member_id: int, preferences: Preferences) -> None:
        """Set them."""
        ...

    async def favour(self, member_id: int, cell: CellRef) -> None:
        """Mark a picture; again is harmless."""
        ...

    async def unfavour(self, member_id: int, cell: CellRef) -> None:
        """Take the mark away."""
        ...

    async def favourites(self, member_id: int, limit: int) -> list[CellRef]:
        """The newest marks."""
        ...


class RulesPort(Protocol):
    """What moderators decided for their servers."""

    async def get(self, guild_id: int) -> GuildRules:
        """The defaults for a server that set nothing."""
        ...


async def no_limits(member: Member, place: Place) -> Sequence[Use]:
    """Nobody counts."""
    return ()


async def no_prices(job: Job, cell: Cell) -> Mapping[Verb, Price]:
    """Nobody knows."""
    return {}


@dataclass(frozen=True)
class Parts:
    """Everything a command may reach besides Discord itself."""

    settings: Settings
    job_service: JobServicePort
    jobs: JobsPort
    pictures: Pictures
    members: MembersPort
    rules: RulesPort
    intake: Intake
    drawing: Drawing
    """Decodes and composes pictures off the event loop."""
    clock: Callable[[], datetime] = now
    defer_after_s: float = 0.03
    """Who is not answered by then sees that the bot is thinking."""
    models: Callable[[], Sequence[str]] = tuple
    """Names for autocomplete; answers from memory."""
    usage: Callable[[Member, Place], Awaitable[Sequence[Use]]] = no_limits
    """What a member used and has left."""
    prices: Callable[[Job, Cell], Awaitable[Mapping[Verb, Price]]] = no_prices
    """What can be made of a kept picture, and what it will cost."""
    office: ModerationServices | None = None
    """What moderators' commands reach."""
    rounds: RoundService | None = None
    """Votes of groups."""
    announcer: RoundAnnouncer | None = None
    """Shows them; needs the client once it is there."""
    pending_answers: PendingAnswers | None = None
    """Who was told "thinking…", for the next start; None: nobody is remembered."""


class Darkroom(commands.AutoShardedBot):
    """The bot with its parts; `bot.client` adds the commands and the way they reach Discord."""

    parts: Parts
    replies: DiscordReplies
    answer_tracker: AnswerTracker
    offered: frozenset[Act]
    """What buttons can do; nothing else is shown."""
    seen: SeenPictures
    """Other people's pictures that somebody is asked about in a form."""

    async def press(self, interaction: discord.Interaction[Darkroom], button_id: ButtonId) -> None:
        """Do what a button says."""
        raise NotImplementedError

    async def fill(self, interaction: discord.Interaction[Darkroom], form_id: FormId, filled: Filled) -> None:
        """Do what a form was filled in for."""
        raise NotImplementedError
