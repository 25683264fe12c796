"""Quota counters: the use in each window. Each change is one conditional SQL statement, so no update is lost."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.quotas.quota import Limit, Scope, Unit
from bot.domain.quotas.windows import Span, Window
from bot.store.database import upsert
from bot.store.schema_rules import quota_counters as table

_KEY = ("guild_id", "scope", "subject_id", "unit", "span")


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter and the limit that applies to it. Amounts are whole pictures or ms of device time."""

    guild_id: int
    scope: Scope
    subject_id: int
    unit: Unit
    window: Window
    span: Span
    limit: Limit | None = None

    @property
    def span_key(self) -> str:
        """The window and its key as one string."""
        return span_key(self.window, self.span.key)

    @property
    def key(self) -> tuple[Any, ...]:
        """The primary key of the counter's row."""
        return self.guild_id, str(self.scope), self.subject_id, str(self.unit), self.span_key

    @property
    def cap(self) -> int | None:
        """The limit in pictures or ms; None means unlimited."""
        return self.limit and self.limit.cap

    def row(self, **values: int | None) -> dict[str, Any]:
        """Return the column values of a new row; `values` override the zeros."""
        blank = {"used": 0, "cap": self.cap, "granted": 0, "forgiven": 0, "ends_at": self.span.end}
        return {**dict(zip(_KEY, self.key, strict=True)), **blank, **values}


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of a counter, in pictures or ms; `used` excludes forgiven use."""

    used: int
    granted: int


def span_key(window: Window, key: str) -> str:
    """Return a window and its key as one string, for example "day 2026-11-22"."""
    return f"{window} {key}"


async def add_within(
    connection: AsyncConnection, counters: Sequence[Counter], amounts: dict[Unit, int]
) -> list[Counter]:
    """Add `amounts` to all counters in one statement, but not to those whose limit would be exceeded.

    Returns the counters that were not changed. If there are any, the caller must roll the transaction back.
    """
    tight = [counter for counter in counters if counter.cap is not None and amounts[counter.unit] > counter.cap]
    if tight:
        # ON CONFLICT compares only existing rows with the limit, so the row must exist first.
        await connection.execute(upsert(connection, table).on_conflict_do_nothing(), [item.row() for item in tight])
    # The rows are parameters, so that the statement is built and compiled only once.
    rows = [counter.row(used=amounts[counter.unit]) for counter in counters]
    taken = {tuple(row) for row in await connection.execute(_add(connection.dialect.name), rows)}
    return [counter for counter in counters if counter.key not in taken]


@functools.cache
def _add(dialect: str) -> sa.sql.expression.UpdateBase:
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    new = statement.excluded
    fits = table.c.used - table.c.forgiven + new.used <= new.cap + table.c.granted
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={"used": table.c.used + new.used, "cap": new.cap},
        where=new.cap.is_(None) | (new.used == 0) | fits,
    ).returning(*(table.c[name] for name in _KEY))


async def correct(
    connection: AsyncConnection, guild_id: int, subjects: dict[Scope, int], spans: Sequence[str],
    amounts: dict[Unit, int],
) -> None:  # fmt: skip
    """Add `amounts` to the counters of a reservation without looking at limits; negative amounts give back."""
    known = {f"of_{scope.name}": subject for scope, subject in subjects.items()}
    known |= {f"more_{unit.name}": delta for unit, delta in amounts.items()}
    statement = _correcting(tuple(subjects), tuple(amounts))
    await connection.execute(statement, {"guild": guild_id, "spans": list(spans), **known})


@functools.cache
def _correcting(scopes: tuple[Scope, ...], units: tuple[Unit, ...]) -> sa.Update:
    """Built once. The condition names whole primary keys, so that the update reads only these rows."""
    more = {str(unit): sa.bindparam(f"more_{unit.name}", type_=table.c.used.type) for unit in units}
    amount = sa.case(more, value=table.c.unit, else_=0)
    spans: sa.BindParameter[Any] = sa.bindparam("spans", expanding=True)
    rest = table.c.unit.in_([str(unit) for unit in units]), table.c.span.in_(spans)
    theirs = (
        sa.and_(
            table.c.guild_id == sa.bindparam("guild"),
            table.c.scope == str(scope),
            table.c.subject_id == sa.bindparam(f"of_{scope.name}", type_=table.c.subject_id.type),
            *rest,
        )
        for scope in scopes
    )
    return sa.update(table).where(sa.or_(*theirs)).values(used=table.c.used + amount)


async def grant(connection: AsyncConnection, counter: Counter, amount: int) -> None:
    """Raise the limit by `amount` in this window only."""
    statement = upsert(connection, table).values(counter.row(granted=amount))
    more = {"granted": table.c.granted + statement.excluded.granted}
    await connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=more))


async def forgive(
    connection: AsyncConnection, guild_id: int, scope: Scope, subject_id: int, spans: Sequence[str]
) -> None:
    """Forgive the use in these windows: it no longer counts."""
    where = (table.c.guild_id == guild_id, table.c.scope == scope, table.c.subject_id == subject_id)
    await connection.execute(sa.update(table).where(*where, table.c.span.in_(spans)).values(forgiven=table.c.used))


async def readings(connection: AsyncConnection, counters: Sequence[Counter]) -> list[Reading]:
    """Return the state of each counter, in order; a counter without a row has used nothing."""
    values = {name: {key[part] for key in (item.key for item in counters)} for part, name in enumerate(_KEY)}
    query = sa.select(table).where(*(table.c[name].in_(found) for name, found in values.items()))
    rows = (await connection.execute(query)).mappings()
    found = {
        tuple(row[name] for name in _KEY): Reading(max(0, row["used"] - row["forgiven"]), row["granted"])
        for row in rows
    }
    return [found.get(counter.key, Reading(0, 0)) for counter in counters]


async def tidy(connection: AsyncConnection, before: datetime) -> None:
    """Delete counters whose window ended before that time."""
    await connection.execute(sa.delete(table).where(table.c.ends_at < before))
