"""The services that moderators' commands use, as protocols."""

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


class RulesStore(Protocol):
    """Reads and changes the rules of servers."""

    async def get(self, guild_id: int) -> GuildRules:
        """Return the current rules of a server."""
        ...

    async def change(self, change: Callable[[GuildRules], GuildRules], entry: AuditEntry) -> GuildRules:
        """Apply a change and append its log entry in one transaction; return the rules afterwards."""
        ...


class QuotaService(Protocol):
    """Reads the use of quotas, and changes it by moderators' commands."""

    async def uses(self, guild_id: int, member: Member, place: Place, now: datetime) -> list[Use]:
        """Return the use of each limit that applies to this member in this place."""
        ...

    async def grant(self, limit: Limit, guild_id: int, now: datetime, entry: AuditEntry) -> None:
        """Raise a limit in its current window by `limit.amount`."""
        ...

    async def reset(self, guild_id: int, scope: Scope, subject_id: int, now: datetime, entry: AuditEntry) -> None:
        """Forgive the use in all current windows."""
        ...


class AuditLog(Protocol):
    """The audit log."""

    async def add(self, entry: AuditEntry) -> None:
        """Append one entry."""
        ...

    async def knows(self, entry: AuditEntry) -> bool:
        """Whether the same interaction has recorded the same action before."""
        ...

    async def newest(
        self, guild_id: int, limit: int = 20, *, member_id: int | None = None, skip: int = 0
    ) -> list[AuditEntry]:
        """Return the newest entries after the first `skip`, newest first."""
        ...


class MemberRecords(Protocol):
    """Deletes and exports what is stored about jobs and members."""

    async def delete_job(self, job_id: str) -> bool:
        """Delete a finished job and its pictures; False when there is no such job."""
        ...

    async def drop_pictures(self, job_id: str) -> None:
        """Delete a finished job's pictures, but not its row."""
        ...

    async def messages_of(self, job_id: str) -> list[tuple[int, int]]:
        """Return (channel id, message id) of every message that shows the job or something of it."""
        ...

    async def outlived(self, before: datetime, guild_id: int) -> int:
        """Return the number of pictures of a server's jobs that are older than `before`."""
        ...

    async def posts_of(self, member_id: int) -> list[tuple[int, int]]:
        """Return (channel id, message id) of every message that shows a job of the member."""
        ...

    async def erase_member(self, member_id: int) -> int:
        """Delete a member's jobs, settings and favourites; return the number of jobs."""
        ...

    async def export(self, member_id: int, limit_bytes: int) -> bytes:
        """Return a zip archive of everything stored about a member, with as many pictures as fit."""
        ...


class StatisticsReader(Protocol):
    """Reads use and waiting times."""

    async def usage(self, guild_id: int, days: Sequence[Span], members: int) -> Usage:
        """Return the use by day, by model, and by member for the `members` with most use."""
        ...

    async def waits(self, guild_id: int | None, since: datetime) -> Sequence[timedelta]:
        """Return the waiting time of each started job."""
        ...


class ReviewService(Protocol):
    """Decides about pictures that wait for review."""

    async def approve(self, job_id: str, by: Member) -> Job:
        """Let the pictures of a job be posted."""
        ...

    async def reject(self, job_id: str, by: Member) -> Job:
        """Block the pictures of a job."""
        ...


class PausableEngine(Protocol):
    """The part of the engine that holds and releases its queue."""

    def pause(self) -> None:
        """Start no further request; new requests wait."""
        ...

    def resume(self) -> None:
        """Start waiting requests again."""
        ...


@dataclass(frozen=True)
class ModerationServices:
    """All services of moderators' commands; made once in `bot/app.py`."""

    rules_store: RulesStore
    quotas: QuotaService
    log: AuditLog
    records: MemberRecords
    numbers: StatisticsReader
    review: ReviewService
    engine: PausableEngine
    has_meaning: bool = False
    """Whether the meaning rule can be checked on this host."""
