"""Rounds in the database: every change is a compare-and-swap on the round's version, ballots included."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Member, Place
from bot.domain.rounds.entry import Entry
from bot.domain.rounds.round import Ballot, Round, RoundKind, RoundState
from bot.errors import Fenced, RoundNotFound
from bot.store.database import Database, upsert
from bot.store.rounds.entries import put
from bot.store.schema import jobs
from bot.store.schema_rounds import UNDER_WAY, ballots, rounds


class RoundStore:
    """`bot.domain.rounds.ports.RoundStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, new: Round) -> Round:
        """Store it; one with the same id, or an open or paused one on the same job, is given back instead."""
        on_the_job = sa.and_(rounds.c.job_id == new.job_id, rounds.c.state == RoundState.OPEN)
        held = sa.select(rounds).where(rounds.c.job_id == new.job_id, rounds.c.state == RoundState.PAUSED).limit(1)
        async with self._database.write() as connection:
            paused = (await connection.execute(held)).mappings().first() if new.job_id else None
            if paused is not None:
                return round_from(paused)
            await insert_round(connection, new)
            here = sa.select(rounds).where(on_the_job if new.job_id else rounds.c.id == new.id)
            return round_from(await _one(connection, here, new.id))

    async def get(self, round_id: str) -> Round:
        """Raises `RoundNotFound`."""
        async with self._database.read() as connection:
            return round_from(await _one(connection, sa.select(rounds).where(rounds.c.id == round_id), round_id))

    async def at_message(self, message_id: int) -> Round | None:
        """The round of a ballot paper."""
        query = sa.select(rounds).where(rounds.c.message_id == message_id).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else round_from(row)

    async def change(
        self,
        before: Round,
        *,
        void: Collection[int] = (),
        entries: Sequence[Entry] = (),
        following: Round | None = None,
        **values: object,
    ) -> Round:
        """Compare-and-swap. Raises `Fenced` when the round has another version by now, or is gone.

        In the same transaction the ballots of the members in `void` are deleted, the round `following` is opened, and
        `entries` are written, of any round, over what stands at their places.
        """
        same = rounds.c.id == before.id, rounds.c.version == before.version
        statement = sa.update(rounds).where(*same).values(version=rounds.c.version + 1, **values)
        theirs = ballots.c.round_id == before.id, ballots.c.member_id.in_(void)
        async with self._database.write() as connection:
            changed = (await connection.execute(statement.returning(*rounds.c))).mappings().one_or_none()
            if changed is not None:
                if void:
                    await connection.execute(sa.delete(ballots).where(*theirs))
                if following is not None:
                    await insert_round(connection, following)
                await put(connection, entries)
        if changed is None:
            raise Fenced(before.id, before.version)
        return round_from(changed)

    async def toggle(self, round_id: str, member_id: int, slot: int, now: datetime) -> Ballot | None:
        """Set or take away a member's mark; None when the round takes no ballots any more."""
        is_open = rounds.c.id == round_id, rounds.c.state == RoundState.OPEN
        theirs = ballots.c.round_id == round_id, ballots.c.member_id == member_id
        async with self._database.write() as connection:
            # The next version: whoever counted the ballots before this one must count again.
            counted = await connection.execute(
                sa.update(rounds).where(*is_open).values(version=rounds.c.version + 1).returning(rounds.c.slots)
            )
            slots = counted.scalar_one_or_none()
            if slots is None or not 0 <= slot < slots:
                return None
            before = (await connection.execute(sa.select(ballots).where(*theirs))).mappings().one_or_none()
            ballot = (_ballot(before) if before else Ballot(member_id=member_id)).toggled(slot)
            marked = {"picks": ",".join(map(str, ballot.picks)), "voted_at": now}
            row = upsert(connection, ballots).values(round_id=round_id, member_id=member_id, **marked)
            await connection.execute(row.on_conflict_do_update(index_elements=["round_id", "member_id"], set_=marked))
        return ballot

    async def ballots(self, round_id: str) -> list[Ballot]:
        """All ballots, those without a mark too, in the order of members' ids."""
        query = sa.select(ballots).where(ballots.c.round_id == round_id).order_by(ballots.c.member_id)
        async with self._database.read() as connection:
            return [_ballot(row) for row in (await connection.execute(query)).mappings()]

    async def due(self, now: datetime) -> list[Round]:
        """Rounds that are not over, whose time has come, and that are this bot's work, the oldest first."""
        here = self._database.ours(rounds.c.guild_id)
        query = sa.select(rounds).where(UNDER_WAY, rounds.c.due_at <= now, *here).order_by(rounds.c.due_at)
        async with self._database.read() as connection:
            return [round_from(row) for row in (await connection.execute(query)).mappings()]

    async def game(self, game_id: str) -> list[Round]:
        """All rounds of a game in their order."""
        query = sa.select(rounds).where(rounds.c.game_id == game_id).order_by(rounds.c.number)
        async with self._database.read() as connection:
            return [round_from(row) for row in (await connection.execute(query)).mappings()]

    async def hosted(self, host_id: int, kind: RoundKind, since: datetime) -> list[Round]:
        """The rounds of a kind that a member began since then."""
        theirs = rounds.c.host_id == host_id, rounds.c.kind == kind, rounds.c.created_at >= since
        async with self._database.read() as connection:
            return [round_from(row) for row in (await connection.execute(sa.select(rounds).where(*theirs))).mappings()]

    async def before(self, job_id: str, limit: int) -> list[Round]:
        """The chain of rounds that led to a job, oldest first: each winner became the next one's job."""
        found: list[Round] = []
        async with self._database.read() as connection:
            while len(found) < limit:
                query = sa.select(rounds).where(rounds.c.next_job_id == job_id).limit(1)
                row = (await connection.execute(query)).mappings().one_or_none()
                if row is None:
                    break
                found.insert(0, round_from(row))
                job_id = found[0].job_id
        return found

    async def present(self, guild_id: int, channel_id: int, since: datetime) -> Collection[int]:
        """Members who asked for pictures in this channel since then."""
        here = jobs.c.guild_id == guild_id, jobs.c.channel_id == channel_id, jobs.c.created_at >= since
        async with self._database.read() as connection:
            return set(await connection.scalars(sa.select(jobs.c.member_id).where(*here).distinct()))


async def _one(connection: AsyncConnection, query: sa.Select[Any], round_id: str) -> Mapping[str, Any]:
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise RoundNotFound(round_id)
    return dict(row)


async def insert_round(connection: AsyncConnection, new: Round) -> None:
    """Store a round unless it, or one that excludes it, is there already."""
    await connection.execute(upsert(connection, rounds).values(_columns(new)).on_conflict_do_nothing())


def _columns(new: Round) -> dict[str, Any]:
    ids = {"guild_id": new.guild_id, "channel_id": new.channel_id, "host_id": new.host.id, "job_id": new.job_id or None}
    return {**new.model_dump(), **ids, "host": new.host.model_dump_json(), "place": new.place.model_dump_json()}


def round_from(row: Mapping[Any, Any]) -> Round:
    """A round as its row says."""
    known = {name: row[name] for name in Round.model_fields if name not in ("host", "place")}
    host, place = Member.model_validate_json(row["host"]), Place.model_validate_json(row["place"])
    return Round.model_validate({**known, "job_id": row["job_id"] or "", "host": host, "place": place})


def _ballot(row: Mapping[Any, Any]) -> Ballot:
    picks = tuple(int(pick) for pick in row["picks"].split(",") if pick)
    return Ballot(member_id=row["member_id"], picks=picks)
