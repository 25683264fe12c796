"""Candidates for a show in the database: a server's pictures, and those of new members."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from bot.domain.model import CellRef, JobState
from bot.domain.rounds.entry import EntryRole
from bot.domain.rounds.show_ports import Found
from bot.store.database import Database
from bot.store.schema import favourites, jobs
from bot.store.schema_rounds import entries, rounds
from bot.store.schema_sums import member_days

MOST = 300
"""So many of each kind are looked at."""


class ShowCandidates:
    """`bot.domain.rounds.show_ports.Candidates` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def found(self, guild_id: int, since: datetime) -> list[Found]:
        """Those made since then that no show has had: the most starred ones, and the newest without a star."""
        here = jobs.c.guild_id == guild_id, jobs.c.created_at >= since, jobs.c.state == JobState.DELIVERED
        # What could not be hung has not been had.
        hung = entries.join(rounds, sa.and_(rounds.c.id == entries.c.round_id, rounds.c.message_id.is_not(None)))
        chosen = entries.c.picture_job_id == jobs.c.id, entries.c.role == EntryRole.CHOICE
        had = sa.select(entries.c.round_id).select_from(hung).where(*chosen).exists()
        others = favourites.c.job_id == jobs.c.id, favourites.c.member_id != jobs.c.member_id
        stars = sa.func.count().label("stars")
        starred = (
            sa.select(favourites.c.job_id, favourites.c.cell, stars)
            .select_from(jobs.join(favourites, sa.and_(*others)))
            .where(*here, ~had)
            .group_by(favourites.c.job_id, favourites.c.cell)
            .order_by(stars.desc(), favourites.c.job_id, favourites.c.cell)
            .limit(MOST)
        )
        newest = sa.select(jobs.c.id).where(*here, ~had, ~sa.exists().where(*others))
        async with self._database.study() as connection:
            loved = [
                Found(picture=CellRef(job_id=row.job_id, cell=row.cell), stars=row.stars)
                for row in await connection.execute(starred)
            ]
            ids = await connection.scalars(newest.order_by(jobs.c.created_at.desc()).limit(MOST))
            return [*loved, *(Found(picture=CellRef(job_id=job_id, cell=0), stars=0) for job_id in ids)]

    async def newcomers(self, guild_id: int, member_ids: Collection[int], before: datetime) -> set[int]:
        """Those of the members who had made nothing on this server before."""
        day = before.date().isoformat()
        known = sa.select(member_days.c.member_id).where(
            member_days.c.guild_id == guild_id, member_days.c.member_id.in_(member_ids), member_days.c.day < day
        )  # fmt: skip
        async with self._database.study() as connection:
            return set(member_ids) - set(await connection.scalars(known.distinct()))
