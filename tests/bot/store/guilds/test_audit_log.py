"""The moderators' log."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.word_rules import RuleKind, WordRule, with_rule
from bot.domain.quotas.quota import Limit, Scope, Unit
from bot.domain.quotas.windows import Window
from bot.errors import StoreError
from bot.store.database import Database
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.schema_rules import audit_log, quota_counters
from tests.bot.store.asks import NOW


async def test_the_newest_come_first_and_only_of_this_server(database: Database) -> None:
    log = AuditLog(database)
    first = AuditEntry(at=NOW, guild_id=5, actor_id=1, action="ban", subject="<@7>", reason="spam")
    tried = AuditEntry(at=NOW, guild_id=5, actor_id=2, action="quota set", done=False)
    for entry in (first, tried, first.model_copy(update={"guild_id": 6})):
        await log.add(entry)
    assert await log.newest(5) == [tried, first]
    assert await log.newest(5, 1) == [tried]
    assert await log.newest(5, member_id=7) == [first]


async def test_what_was_done_to_somebodys_job_is_about_them_too(database: Database) -> None:
    log = AuditLog(database)
    done = AuditEntry(at=NOW, guild_id=5, actor_id=1, action="delete", subject="job 4711 of <@7>")
    other = done.model_copy(update={"subject": "<@77>: 4 pictures each day"})
    for entry in (done, other):
        await log.add(entry)
    assert await log.newest(5, member_id=7) == [done]


async def test_what_an_interaction_has_done_is_not_done_again(database: Database) -> None:
    rules_store, log = GuildRulesStore(database), AuditLog(database)
    quotas = Quotas(database, rules_store)
    entry = AuditEntry(at=NOW, guild_id=5, actor_id=1, action="quota grant", interaction_id=4711)
    extra = Limit(scope=Scope.MEMBER, subject_id=7, unit=Unit.PICTURES, window=Window.DAY, amount=3)
    for _ in range(2):
        await quotas.grant(extra, 5, NOW, entry)
    async with database.read() as connection:
        assert await connection.scalar(sa.select(quota_counters.c.granted)) == 3

    numbered = entry.model_copy(update={"action": "words add"})
    for _ in range(2):
        rules = await rules_store.change(lambda rules: rules.model_copy(update={"words": more(rules.words)}), numbered)
        assert len(rules.words) == 1
    assert await log.knows(numbered)
    assert not await log.knows(numbered.model_copy(update={"done": False}))
    for _ in range(2):
        await log.add(numbered.model_copy(update={"action": "cancel"}))
        await log.add(numbered.model_copy(update={"action": "delete", "interaction_id": None}))
    done = [one.action for one in await log.newest(5)]
    assert done == ["delete", "delete", "cancel", "words add", "quota grant"]


def more(rules: tuple[WordRule, ...]) -> tuple[WordRule, ...]:
    return with_rule(rules, RuleKind.WORD, f"fox{len(rules)}", "")


async def test_nothing_in_it_can_be_changed_or_removed(database: Database) -> None:
    log = AuditLog(database)
    entry = AuditEntry(at=NOW, guild_id=5, actor_id=1, action="ban")
    await log.add(entry)
    for statement in (sa.delete(audit_log), sa.update(audit_log).values(reason="none")):
        with pytest.raises(StoreError) as refused:
            async with database.write() as connection:
                await connection.execute(statement)
        assert "append-only" in str(refused.value.__cause__)
    assert await log.newest(5) == [entry]


async def test_it_is_not_emptied_or_written_over(database: Database) -> None:
    log = AuditLog(database)
    entry = AuditEntry(at=NOW, guild_id=5, actor_id=1, action="ban")
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


async def test_rules_nobody_could_read_again_are_not_stored(database: Database) -> None:
    rules_store, entry = GuildRulesStore(database), AuditEntry(at=NOW, guild_id=5, actor_id=1, action="consent")
    with pytest.raises(ValidationError):
        await rules_store.change(lambda rules: rules.model_copy(update={"share": "some"}), entry)
    assert (await GuildRulesStore(database).get(5)).share == "all" and not await AuditLog(database).newest(5)
