"""Reads what decides whether pictures are public, for many jobs at once; it never writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Cell, Job, Preferences
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.publicity import Exhibit, Line
from bot.store.database import Database
from bot.store.jobs.job_reads import cell_from, job_from
from bot.store.schema import cells, jobs, members, posts
from bot.store.schema_gallery import gallery_choices, open_channels
from bot.store.schema_rules import guild_rules

_Parents = dict[str, str | None]
_CACHED = 500
"""Servers whose rules are kept in memory."""


class ExhibitReads:
    """Lines of jobs with their owners' settings, rules and channels, as they are at this moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules: dict[int, tuple[int, GuildRules]] = {}

    async def lines(self, job_ids: Collection[str]) -> dict[str, Line]:
        """Return the line of each job that exists and can be read."""
        if not job_ids:
            return {}
        async with self._database.read() as connection:
            parents = await _parents(connection, job_ids)
            exhibits = await self._exhibits(connection, parents)
        return {job_id: _line(job_id, parents, exhibits) for job_id in job_ids if job_id in exhibits}

    async def _exhibits(self, connection: AsyncConnection, ids: Collection[str]) -> dict[str, Exhibit]:
        found = await _jobs(connection, ids)
        kept = await _cells(connection, found)
        owners = await _settings(connection, {job.member_id for job in found.values()})
        choices = await _choices(connection, found)
        rules = await self._rules_of(connection, {job.rules_id for job in found.values()})
        is_open = await _open(connection, {job.reply.open_channel_id for job in found.values()})
        posted = await _posted(connection, found)
        return {
            job_id: Exhibit.model_construct(
                job=job,
                cells=tuple(kept[job_id]),
                owner=owners.get(job.member_id, Preferences()),
                choice=choices.get(job_id),
                rules=rules[job.rules_id],
                is_open=job.reply.open_channel_id in is_open,
                is_posted=job_id in posted,
            )
            for job_id, job in found.items()
        }

    async def _rules_of(self, connection: AsyncConnection, guild_ids: set[int]) -> Mapping[int, GuildRules]:
        """The rules, parsed again only when their version changed; unreadable ones show nothing."""
        versions = sa.select(guild_rules.c.guild_id, guild_rules.c.version).where(guild_rules.c.guild_id.in_(guild_ids))
        current = {row.guild_id: row.version for row in await connection.execute(versions)}
        found = {each: GuildRules(guild_id=each) for each in guild_ids}
        known = {each: self._rules[each] for each in current if each in self._rules}
        found |= {each: rules for each, (version, rules) in known.items() if version == current[each]}
        stale = [each for each, version in current.items() if each not in known or known[each][0] != version]
        if stale:
            for row in await connection.execute(sa.select(guild_rules).where(guild_rules.c.guild_id.in_(stale))):
                found[row.guild_id] = GuildRules.model_validate_json(row.body, extra="ignore")
                self._rules[row.guild_id] = row.version, found[row.guild_id]
        while len(self._rules) > _CACHED:
            self._rules.pop(next(iter(self._rules)))
        return found


async def _parents(connection: AsyncConnection, job_ids: Collection[str]) -> _Parents:
    """The jobs and all their ancestors that exist, each with its parent's id."""
    known = sa.select(jobs.c.id, jobs.c.parent_id).where(jobs.c.id.in_(job_ids)).cte("line", recursive=True)
    known = known.union(sa.select(jobs.c.id, jobs.c.parent_id).join(known, jobs.c.id == known.c.parent_id))
    rows = await connection.execute(sa.select(known.c.id, known.c.parent_id))
    return {row.id: row.parent_id for row in rows}


async def _jobs(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Job]:
    """Jobs that this version cannot read are left out."""
    found: dict[str, Job] = {}
    for row in (await connection.execute(sa.select(jobs).where(jobs.c.id.in_(ids)))).mappings():
        try:
            found[row["id"]] = job_from(row)
        except (ValueError, TypeError):
            continue
    return found


async def _cells(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, list[Cell]]:
    kept: defaultdict[str, list[Cell]] = defaultdict(list)
    query = sa.select(cells).where(cells.c.job_id.in_(ids)).order_by(cells.c.job_id, cells.c.cell)
    for row in (await connection.execute(query)).mappings():
        kept[row["job_id"]].append(cell_from(row))
    return kept


async def _settings(connection: AsyncConnection, member_ids: Collection[int]) -> dict[int, Preferences]:
    rows = await connection.execute(sa.select(members).where(members.c.member_id.in_(member_ids)))
    return {row.member_id: _preferences(row.settings) for row in rows}


def _preferences(stored: str) -> Preferences:
    try:
        return Preferences.model_validate_json(stored, extra="ignore")
    except ValidationError:
        return Preferences()


async def _choices(connection: AsyncConnection, ids: Collection[str]) -> dict[str, bool]:
    rows = await connection.execute(sa.select(gallery_choices).where(gallery_choices.c.job_id.in_(ids)))
    return {row.job_id: row.is_shown for row in rows}


async def _open(connection: AsyncConnection, channel_ids: Iterable[int | None]) -> set[int]:
    asked = [each for each in channel_ids if each is not None]
    query = sa.select(open_channels.c.channel_id).where(open_channels.c.channel_id.in_(asked))
    return set(await connection.scalars(query))


async def _posted(connection: AsyncConnection, ids: Collection[str]) -> set[str]:
    """The jobs that a message shows whole."""
    whole: Any = posts.c.cell.is_(None)
    return set(await connection.scalars(sa.select(posts.c.job_id).where(posts.c.job_id.in_(ids), whole)))


def _line(job_id: str, parents: _Parents, exhibits: Mapping[str, Exhibit]) -> Line:
    line, each = list[Exhibit](), job_id
    while each in exhibits and len(line) <= len(exhibits):
        line.append(exhibits[each])
        parent = parents[each]
        if parent is None:
            return Line.model_construct(exhibits=tuple(line), is_whole=True)
        each = parent
    return Line.model_construct(exhibits=tuple(line), is_whole=False)
