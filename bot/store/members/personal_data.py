"""Every database row about one member, for `/privacy export`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.jobs.pending_answers import PendingAnswer
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import Scope
from bot.store.database import Database
from bot.store.rounds.games import said_by
from bot.store.schema import cells, jobs, sealed_words, uploads
from bot.store.schema_consent import grants
from bot.store.schema_games import games
from bot.store.schema_rounds import rounds
from bot.store.schema_rules import audit_log, guild_rules, metadata, quota_counters

PendingOf = Callable[[int], Awaitable[Sequence[PendingAnswer]]]
"""A member's pending answers, by the member's id."""

_SECRET = frozenset({"token"})


class PersonalData:
    """Reads every table of the schema, so that a new table is included without a change here."""

    def __init__(self, database: Database, pending_of: PendingOf | None = None) -> None:
        self._database, self._pending_of = database, pending_of

    async def export(self, member_id: int) -> dict[str, list[dict[str, Any]]]:
        """Return the rows about a member by table name, as JSON values; pictures appear by key."""
        async with self._database.read() as connection:
            rows = {
                table.name: [_plain(row) for row in (await connection.execute(query)).mappings()]
                for table in metadata.sorted_tables
                if (query := _about(table, member_id)) is not None
            }
            rows[guild_rules.name] = await _rules_about(connection, member_id)
            rows[games.name] = await said_by(connection, member_id)
            await _keep_secrets(connection, rows)
        theirs = {job["id"] for job in rows[jobs.name]}
        for upload in rows[uploads.name]:
            # Hide the jobs of other members that used this upload.
            upload["job_id"] = upload["job_id"] if upload["job_id"] in theirs else None
        for entry in rows[audit_log.name]:
            # Hide which moderator acted.
            entry["actor_id"] = member_id if entry["actor_id"] == member_id else None
        if self._pending_of is not None:
            rows["promises"] = [_plain(dict(pending)) for pending in await self._pending_of(member_id)]
        return rows


def _about(table: sa.Table, member_id: int) -> sa.Select[Any] | None:
    if table is quota_counters:
        mine = (table.c.scope == Scope.MEMBER, table.c.subject_id == member_id)
        return sa.select(table).where(*mine)
    if table is audit_log:
        return sa.select(table).where((table.c.actor_id == member_id) | table.c.subject.contains(f"<@{member_id}>"))
    if table is sealed_words:
        return None  # what a member wrote stands under "games"; what was dealt is a secret from them, too
    if table is rounds:
        return sa.select(table).where(table.c.host_id == member_id)
    if table is grants:
        return sa.select(table).where((table.c.owner_id == member_id) | (table.c.member_id == member_id))
    if "member_id" in table.c:
        return sa.select(table).where(table.c.member_id == member_id)
    if "job_id" in table.c:
        theirs = sa.select(jobs.c.id).where(jobs.c.member_id == member_id)
        return sa.select(table).where(table.c.job_id.in_(theirs))
    return None


async def _keep_secrets(connection: AsyncConnection, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Leave out the pictures of games under way: a file says how it was made, to a player who has to guess it."""
    theirs = sealed_words.c.job_id.in_([job["id"] for job in rows[jobs.name]])
    sealed = set(await connection.scalars(sa.select(sealed_words.c.job_id).where(theirs)))
    for job in rows[jobs.name]:
        if job["id"] in sealed:
            job["recipe"], job["frames_key"] = "", None
    rows[cells.name] = [cell for cell in rows[cells.name] if cell["job_id"] not in sealed]


async def _rules_about(connection: AsyncConnection, member_id: int) -> list[dict[str, Any]]:
    """Return the member's bans and personal limits from the rules of servers."""
    named = sa.select(guild_rules.c.body).where(guild_rules.c.body.contains(str(member_id)))
    found: list[dict[str, Any]] = []
    for body in await connection.scalars(named):
        rules = GuildRules.model_validate_json(body)
        bans = [ban for ban in rules.bans if ban.member_id == member_id]
        limits = [limit for limit in rules.limits if (limit.scope, limit.subject_id) == (Scope.MEMBER, member_id)]
        if bans or limits:
            found.append(to_jsonable_python({"guild_id": rules.guild_id, "bans": bans, "limits": limits}))
    return found


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: to_jsonable_python(value) for name, value in row.items() if name not in _SECRET}
