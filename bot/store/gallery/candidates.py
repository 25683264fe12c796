"""Finds the jobs that may be public: those of members who agreed, and those that were chosen one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVarTuple

import sqlalchemy as sa

from bot.domain.model import JobState
from bot.store.database import Database
from bot.store.schema import jobs, members
from bot.store.schema_gallery import AGREED, gallery_choices, open_channels
from bot.store.schema_rules import guild_rules

_MOST_RECENT = 2000
ColumnsT = TypeVarTuple("ColumnsT")


class Place(NamedTuple):
    """Where a job stands in the order by time."""

    created_at: datetime
    job_id: str


class Agreements(NamedTuple):
    """Everything but the jobs themselves that decides what is public; a change means: look at everything again."""

    members: tuple[int, ...]
    """Members who show their pictures."""
    shown: tuple[str, ...]
    """Jobs that their makers chose."""
    hidden: tuple[str, ...]
    rules: tuple[tuple[int, int], ...]
    """Servers and the versions of their rules."""
    channels: tuple[int, ...]


class Candidates:
    """Reads ids only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def agreements(self) -> Agreements:
        """Return what was agreed by now."""
        agreed = sa.select(members.c.member_id).where(AGREED).order_by(members.c.member_id)
        chosen = sa.select(gallery_choices).order_by(gallery_choices.c.job_id)
        rules = sa.select(guild_rules.c.guild_id, guild_rules.c.version).order_by(guild_rules.c.guild_id)
        channels = sa.select(open_channels.c.channel_id).order_by(open_channels.c.channel_id)
        async with self._database.study() as connection:
            choices = (await connection.execute(chosen)).all()
            return Agreements(
                members=tuple(await connection.scalars(agreed)),
                shown=tuple(row.job_id for row in choices if row.is_shown),
                hidden=tuple(row.job_id for row in choices if not row.is_shown),
                rules=tuple((row.guild_id, row.version) for row in await connection.execute(rules)),
                channels=tuple(await connection.scalars(channels)),
            )

    async def of_member(self, member_id: int, after: Place | None, limit: int) -> list[Place]:
        """Return a member's posted jobs, newest first; `after` is the last one of the page before."""
        query = _of_member(sa.select(jobs.c.created_at, jobs.c.id), member_id, after).limit(limit)
        async with self._database.study() as connection:
            return [Place(row.created_at, row.id) for row in await connection.execute(query)]

    async def words_of_member(self, member_id: int, after: Place | None, limit: int) -> list[tuple[Place, str]]:
        """Return a member's posted jobs with what was asked for, newest first; `after` as in `of_member`."""
        query = _of_member(sa.select(jobs.c.created_at, jobs.c.id, jobs.c.spec, jobs.c.captions), member_id, after)
        async with self._database.study() as connection:
            rows = await connection.execute(query.limit(limit))
            return [(Place(row.created_at, row.id), _words(row.spec, row.captions)) for row in rows]

    async def rendered(self, since: datetime) -> list[tuple[str, int]]:
        """Return the jobs rendered since then with their owners, newest first, at most 2,000."""
        query = sa.select(jobs.c.id, jobs.c.member_id).where(jobs.c.rendered_at >= since)
        # In this order SQLite walks the index; without it, it would scan the table.
        newest = query.order_by(jobs.c.rendered_at.desc()).limit(_MOST_RECENT)
        async with self._database.study() as connection:
            return [(row.id, row.member_id) for row in await connection.execute(newest)]


def _of_member(selected: sa.Select[*ColumnsT], member_id: int, after: Place | None) -> sa.Select[*ColumnsT]:
    query = selected.where(jobs.c.member_id == member_id, jobs.c.state == JobState.DELIVERED)
    if after is not None:
        earlier = (jobs.c.created_at < after.created_at) | (jobs.c.id < after.job_id)
        query = query.where(jobs.c.created_at <= after.created_at, earlier)
    return query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc())


def _words(spec: str, captions: Sequence[str]) -> str:
    """What a job says of itself: prompt, style, model, captions."""
    try:
        options: dict[str, Any] = json.loads(spec)["options"]
    except (ValueError, LookupError, TypeError):  # a row that this version cannot read
        return ""
    said = (options.get(name) for name in ("prompt", "negative", "style", "model"))
    return " ".join(filter(None, (*said, *captions)))
