"""The moderators' log."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bot.domain.audit import Entry
from bot.errors import StoreError
from bot.store.audit import AuditLog
from bot.store.database import Database
from bot.store.schema_rules import audit_log

from .asks import NOW


async def test_the_newest_come_first_and_only_of_this_server(database: Database) -> None:
    log = AuditLog(database)
    first = Entry(at=NOW, guild_id=5, actor_id=1, action="ban", subject="<@7>", reason="spam")
    tried = Entry(at=NOW, guild_id=5, actor_id=2, action="quota set", done=False)
    for entry in (first, tried, first.model_copy(update={"guild_id": 6})):
        await log.add(entry)
    assert await log.newest(5) == [tried, first]
    assert await log.newest(5, 1) == [tried]
    assert await log.newest(5, member_id=7) == [first]


async def test_what_was_done_to_somebodys_job_is_about_them_too(database: Database) -> None:
    log = AuditLog(database)
    done = Entry(at=NOW, guild_id=5, actor_id=1, action="delete", subject="job 4711 of <@7>")
    other = done.model_copy(update={"subject": "<@77>: 4 pictures each day"})
    for entry in (done, other):
        await log.add(entry)
    assert await log.newest(5, member_id=7) == [done]


async def test_nothing_in_it_can_be_changed_or_removed(database: Database) -> None:
    log = AuditLog(database)
    entry = Entry(at=NOW, guild_id=5, actor_id=1, action="ban")
    await log.add(entry)
    for statement in (sa.delete(audit_log), sa.update(audit_log).values(reason="none")):
        with pytest.raises(StoreError) as refused:
            async with database.write() as connection:
                await connection.execute(statement)
        assert "append-only" in str(refused.value.__cause__)
    assert await log.newest(5) == [entry]


async def test_it_is_not_emptied_or_written_over(database: Database) -> None:
    log = AuditLog(database)
    entry = Entry(at=NOW, guild_id=5, actor_id=1, action="ban")
    await log.add(entry)
    other = ", ".join(f"'{NOW:%Y-%m-%d %H:%M:%S}'" if name == "at" else "0" for name in audit_log.c.keys()[1:])
    statement = {
        "sqlite": f"INSERT OR REPLACE INTO audit_log VALUES (1, {other})",
        "postgresql": "TRUNCATE audit_log",
    }[database.url.get_backend_name()]
    with pytest.raises(StoreError) as refused:
        async with database.write() as connection:
            await connection.execute(sa.text(statement))
    assert "append-only" in str(refused.value.__cause__)
    assert await log.newest(5) == [entry]
