"""Plans of shows in the database, and the entries that hang in shows under way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import JobState, Place
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.round import Round, RoundKind, RoundState
from bot.domain.rounds.show_plan import ShowPlan
from bot.errors import Fenced, RoundNotFound
from bot.store.database import Database, upsert
from bot.store.rounds.entries import entry_from
from bot.store.rounds.rounds import insert_round, round_from
from bot.store.schema import cells, jobs
from bot.store.schema_rounds import SHOWN, entries, rounds
from bot.store.schema_shows import show_plans

_SHOWABLE = tuple(state for state in JobState if state.is_showable)
_LOOKED_AT = (RoundState.OPEN, RoundState.PAUSED)


class ShowStore:
    """`bot.domain.rounds.show_ports.ShowStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plan(self, guild_id: int) -> ShowPlan | None:
        """What a server has set up."""
        query = sa.select(show_plans).where(show_plans.c.guild_id == guild_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _plan(row)

    async def put(self, plan: ShowPlan) -> None:
        """Store a plan over the one that is there, as its next version."""
        body = {**plan.model_dump(exclude={"place", "version"}), "place": plan.place.model_dump_json()}
        async with self._database.write() as connection:
            row = upsert(connection, show_plans).values(guild_id=plan.guild_id, version=0, **body)
            changed = {**body, "version": show_plans.c.version + 1}
            await connection.execute(row.on_conflict_do_update(index_elements=["guild_id"], set_=changed))

    async def note(self, guild_id: int, why: str) -> None:
        """Write down why the last show did not take place; "" when it did."""
        here = show_plans.c.guild_id == guild_id
        async with self._database.write() as connection:
            await connection.execute(sa.update(show_plans).where(here).values(note=why))

    async def due(self, now: datetime) -> list[ShowPlan]:
        """Plans of this bot's servers whose time has come."""
        here = self._database.ours(show_plans.c.guild_id)
        query = sa.select(show_plans).where(show_plans.c.next_at <= now, *here).order_by(show_plans.c.next_at)
        async with self._database.read() as connection:
            return [_plan(row) for row in (await connection.execute(query)).mappings()]

    async def begin(self, new: Round, plan: ShowPlan | None = None, next_at: datetime | None = None) -> Round:
        """Open a show; where the server has one under way, that one is given back.

        With a `plan` its next time is written in the same transaction; raises `Fenced` when it has changed.
        """
        async with self._database.write() as connection:
            if plan is not None:
                same = show_plans.c.guild_id == plan.guild_id, show_plans.c.version == plan.version
                moved = sa.update(show_plans).where(*same).values(version=show_plans.c.version + 1, next_at=next_at)
                if (await connection.execute(moved)).rowcount != 1:
                    raise Fenced(new.id, plan.version)
            await insert_round(connection, new)
            found = await _under_way(connection, new.guild_id) or await _by_id(connection, new.id)
        if found is None:
            raise RoundNotFound(new.id)
        return found

    async def under_way(self, guild_id: int) -> Round | None:
        """The show of a server that is not over."""
        async with self._database.read() as connection:
            return await _under_way(connection, guild_id)

    async def hung(self) -> list[tuple[Entry, bool]]:
        """What hangs, or was taken down and still shows, in shows that take votes; whether its picture may be shown."""
        pictured = sa.and_(cells.c.job_id == entries.c.picture_job_id, cells.c.cell == entries.c.picture_cell)
        there = sa.select(cells.c.job_id).join(jobs).where(pictured, jobs.c.state.in_(_SHOWABLE)).exists()
        shows = entries.c.state == EntryState.OPEN, sa.and_(entries.c.state == EntryState.VOID, entries.c.is_secret)
        here = SHOWN, rounds.c.state.in_(_LOOKED_AT), *self._database.ours(rounds.c.guild_id)
        async with self._database.read() as connection:
            # Asked first: in one query SQLite would begin with all entries there are.
            ids = list(await connection.scalars(sa.select(rounds.c.id).where(*here)))
            theirs = entries.c.round_id.in_(ids), entries.c.role == EntryRole.CHOICE, sa.or_(*shows)
            rows = await connection.execute(sa.select(entries, there.label("is_there")).where(*theirs))
            return [(entry_from(row), bool(row["is_there"])) for row in rows.mappings()]

    async def of_maker(self, member_id: int) -> list[Entry]:
        """What hangs of a member in shows that are not over."""
        theirs = entries.c.member_id == member_id, entries.c.state == EntryState.OPEN
        hanging = entries.c.role == EntryRole.CHOICE, rounds.c.kind == RoundKind.SHOW
        query = sa.select(entries).join(rounds).where(*theirs, *hanging, rounds.c.state != RoundState.ENDED)
        async with self._database.read() as connection:
            return [entry_from(row) for row in (await connection.execute(query)).mappings()]


async def _under_way(connection: AsyncConnection, guild_id: int) -> Round | None:
    row = (await connection.execute(sa.select(rounds).where(SHOWN, rounds.c.guild_id == guild_id))).mappings().first()
    return None if row is None else round_from(row)


async def _by_id(connection: AsyncConnection, round_id: str) -> Round | None:
    """The same ask again, when its show is over already."""
    row = (await connection.execute(sa.select(rounds).where(rounds.c.id == round_id))).mappings().first()
    return None if row is None else round_from(row)


def _plan(row: Mapping[Any, Any]) -> ShowPlan:
    known = {name: row[name] for name in ShowPlan.model_fields if name != "place"}
    return ShowPlan.model_validate({**known, "place": Place.model_validate_json(row["place"])})
