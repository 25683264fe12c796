"""Servers' rules in the database, one versioned document each; every change is one transaction with its log entry."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.audit import Entry
from bot.domain.guild import DIRECT_MESSAGES, GuildRules
from bot.store.audit import record
from bot.store.database import Database, upsert
from bot.store.schema_rules import guild_rules

_CACHED = 1000
_VERSION = sa.select(guild_rules.c.version).where(guild_rules.c.guild_id == sa.bindparam("guild_id"))

Change = Callable[[GuildRules], GuildRules]


class RuleBook:
    """Reads and changes rules. What is read is kept by version, so reading again costs one number."""

    def __init__(self, database: Database, direct: GuildRules | None = None) -> None:
        """`direct` are the host's rules outside servers."""
        self._database = database
        self._direct = direct or GuildRules(guild_id=DIRECT_MESSAGES)
        self._known: dict[int, tuple[int, GuildRules]] = {}

    async def get(self, guild_id: int) -> GuildRules:
        """The rules as they are now; a server that set nothing has the defaults."""
        async with self._database.read() as connection:
            return await self.load(connection, guild_id)

    async def all(self) -> list[GuildRules]:
        """Those of every server that set something, and those outside servers."""
        async with self._database.read() as connection:
            ids = list(await connection.scalars(sa.select(guild_rules.c.guild_id)))
            return [await self.load(connection, guild_id) for guild_id in dict.fromkeys((*ids, DIRECT_MESSAGES))]

    async def load(self, connection: AsyncConnection, guild_id: int) -> GuildRules:
        """The rules as this transaction sees them."""
        if guild_id == DIRECT_MESSAGES:
            return self._direct
        version = await connection.scalar(_VERSION, {"guild_id": guild_id})
        if version is None:
            return GuildRules(guild_id=guild_id)
        known = self._known.get(guild_id)
        if known is not None and known[0] == version:
            return known[1]
        here = guild_rules.c.guild_id == guild_id
        row = (await connection.execute(sa.select(guild_rules.c.version, guild_rules.c.body).where(here))).one()
        rules = GuildRules.model_validate_json(row.body)
        self._remember(guild_id, row.version, rules)
        return rules

    async def change(self, change: Change, entry: Entry) -> GuildRules:
        """Apply a change and log it, both or neither. What `change` raises leaves everything as it was."""
        while True:
            async with self._database.write() as connection:
                before = await self._version(connection, entry.guild_id)
                rules = change(await self.load(connection, entry.guild_id))
                if await self._save(connection, rules, before):
                    await record(connection, entry)
                    return rules

    async def _version(self, connection: AsyncConnection, guild_id: int) -> int:
        query = sa.select(guild_rules.c.version).where(guild_rules.c.guild_id == guild_id)
        return await connection.scalar(query) or 0

    async def _save(self, connection: AsyncConnection, rules: GuildRules, before: int) -> bool:
        """Write unless somebody else did since; says whether it was written."""
        written = {"version": before + 1, "body": rules.model_dump_json(exclude_defaults=True)}
        statement = upsert(connection, guild_rules).values(guild_id=rules.guild_id, **written)
        same = guild_rules.c.version == before
        saved = statement.on_conflict_do_update(index_elements=["guild_id"], set_=written, where=same)
        return (await connection.execute(saved.returning(guild_rules.c.version))).first() is not None

    def _remember(self, guild_id: int, version: int, rules: GuildRules) -> None:
        self._known.pop(guild_id, None)
        if len(self._known) >= _CACHED:
            self._known.pop(next(iter(self._known)))
        self._known[guild_id] = version, rules
