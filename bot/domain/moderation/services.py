"""What moderators' commands reach: the rules, the quotas, the log, the records and the engine's gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.model import Job, Member, Place
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import Limit, Scope, Use
from bot.domain.quotas.usage import Usage
from bot.domain.quotas.windows import Span


class RulesReader(Protocol):
    """The rules of servers."""

    async def get(self, guild_id: int) -> GuildRules:
        """The rules as they are now."""
        ...

    async def change(self, change: Callable[[GuildRules], GuildRules], entry: AuditEntry) -> GuildRules:
        """Apply a change and log it, both or neither."""
        ...


class QuotaDesk(Protocol):
    """What is used, and what moderators allow besides."""

    async def uses(self, guild_id: int, member: Member, place: Place, now: datetime) -> list[Use]:
        """How much of each limit that counts for this member here is used."""
        ...

    async def grant(self, limit: Limit, guild_id: int, now: datetime, entry: AuditEntry) -> None:
        """Allow more in the running window."""
        ...

    async def reset(self, guild_id: int, scope: Scope, subject_id: int, now: datetime, entry: AuditEntry) -> None:
        """Begin anew in all running windows."""
        ...


class Log(Protocol):
    """The moderators' log."""

    async def add(self, entry: AuditEntry) -> None:
        """Write one entry."""
        ...

    async def knows(self, entry: AuditEntry) -> bool:
        """Whether the same interaction has done the same before a crash."""
        ...

    async def newest(
        self, guild_id: int, limit: int = 20, *, member_id: int | None = None, skip: int = 0
    ) -> list[AuditEntry]:
        """The last entries, newest first, without the newest `skip`."""
        ...


class Records(Protocol):
    """Everything that is stored about jobs and members."""

    async def delete_job(self, job_id: str) -> bool:
        """Delete one finished job with its pictures."""
        ...

    async def drop_pictures(self, job_id: str) -> None:
        """Delete one finished job's pictures, not its row."""
        ...

    async def messages_of(self, job_id: str) -> list[tuple[int, int]]:
        """Channel and message of everything that shows it."""
        ...

    async def outlived(self, before: datetime, guild_id: int) -> int:
        """How many pictures of a server's jobs are older than that."""
        ...

    async def posts_of(self, member_id: int) -> list[tuple[int, int]]:
        """Channel and message of everything that shows a job of theirs."""
        ...

    async def erase_member(self, member_id: int) -> int:
        """Delete everything a member made, set and marked."""
        ...

    async def export(self, member_id: int, limit_bytes: int) -> bytes:
        """Everything stored about a member as a zip archive, with as many pictures as fit."""
        ...


class Numbers(Protocol):
    """Who used how much, and how long they waited."""

    async def usage(self, guild_id: int, days: Sequence[Span], members: int) -> Usage:
        """By day, model and member, of so many members who used most."""
        ...

    async def waits(self, guild_id: int | None, since: datetime) -> Sequence[timedelta]:
        """How long each job waited for its turn."""
        ...


class ReviewDesk(Protocol):
    """Decides about pictures that wait for review."""

    async def approve(self, job_id: str, by: Member) -> Job:
        """Show it."""
        ...

    async def reject(self, job_id: str, by: Member) -> Job:
        """Never show it."""
        ...


class Gate(Protocol):
    """The engine's own gate."""

    def pause(self) -> None:
        """Begin no further request; new ones wait."""
        ...

    def resume(self) -> None:
        """Begin requests again."""
        ...


@dataclass(frozen=True)
class ModerationServices:
    """Given once by the composition root."""

    rules_store: RulesReader
    quotas: QuotaDesk
    log: Log
    records: Records
    numbers: Numbers
    review: ReviewDesk
    engine: Gate
    has_meaning: bool = False
    """Whether the meaning rule can be checked on this host."""
