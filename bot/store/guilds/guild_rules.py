"""Server rules in the database: one versioned JSON document for each server, changed together with its log entry."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules
from bot.store.database import Database, upsert
from bot.store.guilds.audit_log import record, was_recorded
from bot.store.schema_rules import guild_rules

_CACHED = 1000
"""Number of servers whose rules stay in memory."""
_SHARED_S = 5.0
"""How long they stay where bots share the database: a server may have passed to another bot and back meanwhile."""

Change = Callable[[GuildRules], GuildRules]


class GuildRulesStore:
    """Reads and changes rules, and caches them: only the bot to which a server belongs changes its row."""

    def __init__(
        self, database: Database, direct: GuildRules | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`direct`: the host's rules outside servers, from the configuration."""
        self._database, self._monotonic = database, monotonic
        self._direct = direct or GuildRules(guild_id=DIRECT_MESSAGES)
        self._known: dict[int, _Known] = {}

    async def get(self, guild_id: int) -> GuildRules:
        """Return the rules of a server; the defaults when it has set nothing."""
        if (known := self._recall(guild_id)) is not None:
            return known
        async with self._database.read() as connection:
            return await self.load(connection, guild_id)

    async def load(self, connection: AsyncConnection, guild_id: int) -> GuildRules:
        """Return the rules of a server, read in the caller's transaction."""
        if (known := self._recall(guild_id)) is not None:
            return known
        return self._remember(*await _read(connection, guild_id))

    async def all(self) -> list[GuildRules]:
        """Return the rules of every server that has set something, and the rules outside servers."""
        async with self._database.read() as connection:
            ids = list(await connection.scalars(sa.select(guild_rules.c.guild_id)))
            return [await self.load(connection, guild_id) for guild_id in dict.fromkeys((*ids, DIRECT_MESSAGES))]

    async def change(self, change: Change, entry: AuditEntry) -> GuildRules:
        """Apply a change and append its log entry in one transaction; an interaction changes nothing twice.

        Returns the rules afterwards. An error that `change` raises is passed on, and nothing is changed.
        """
        while True:
            try:
                async with self._database.write() as connection:
                    before, rules = await _read(connection, entry.guild_id)
                    if await was_recorded(connection, entry):
                        return self._remember(before, rules)
                    rules = change(rules)
                    if saved := await _save(connection, rules, before):
                        await record(connection, entry)
            except BaseException:
                # It is unknown whether the change was committed: drop the cached rules.
                self._known.pop(entry.guild_id, None)
                raise
            if saved:
                return self._remember(before + 1, rules)

    def _recall(self, guild_id: int) -> GuildRules | None:
        if guild_id == DIRECT_MESSAGES:
            return self._direct
        known = self._known.get(guild_id)
        return known.rules if known is not None and self._monotonic() < known.until else None

    def _remember(self, version: int, rules: GuildRules) -> GuildRules:
        """Cache the rules unless a newer version is cached; return the newest."""
        known = self._known.pop(rules.guild_id, None)
        if known is None or known.version <= version or known.until <= self._monotonic():
            known = _Known(version, rules, self._until())
        if len(self._known) >= _CACHED:
            self._known.pop(next(iter(self._known)))
        if self._database.is_ours(rules.guild_id):
            self._known[rules.guild_id] = known
        return known.rules

    def _until(self) -> float:
        return math.inf if self._database.shards is None else self._monotonic() + _SHARED_S


class _Known(NamedTuple):
    """Rules in memory, and until when they count, in seconds of the monotonic clock."""

    version: int
    rules: GuildRules
    until: float


async def _read(connection: AsyncConnection, guild_id: int) -> tuple[int, GuildRules]:
    """Return the version and the rules as this transaction sees them; version 0 when there is no row."""
    here = guild_rules.c.guild_id == guild_id
    row = (await connection.execute(sa.select(guild_rules.c.version, guild_rules.c.body).where(here))).one_or_none()
    return (
        (0, GuildRules(guild_id=guild_id)) if row is None else (row.version, GuildRules.model_validate_json(row.body))
    )


async def _save(connection: AsyncConnection, rules: GuildRules, before: int) -> bool:
    """Write the rules if the row still has version `before`; return whether it was written.

    Raises `ValidationError` for rules that could not be read again: without its rules a server could do nothing.
    """
    body = rules.model_dump_json(exclude_defaults=True)
    GuildRules.model_validate_json(body)
    written = {"version": before + 1, "body": body}
    statement = upsert(connection, guild_rules).values(guild_id=rules.guild_id, **written)
    same = guild_rules.c.version == before
    saved = statement.on_conflict_do_update(index_elements=["guild_id"], set_=written, where=same)
    return (await connection.execute(saved.returning(guild_rules.c.version))).first() is not None
