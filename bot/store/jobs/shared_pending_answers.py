"""Pending answers of bots that share a database: rows, which another bot adopts when the one that owes them is gone."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from bot.domain.jobs.pending_answers import PendingAnswer
from bot.store.database import Database, upsert
from bot.store.jobs.pending_answers import TOKEN_LIFE
from bot.store.leases import Lease
from bot.store.schema import jobs
from bot.store.schema_bots import bots, pending_answers


class SharedPendingAnswers:
    """Implements `bot.domain.jobs.pending_answers.PendingAnswers` in PostgreSQL."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database, self._lease = database, lease

    async def store(self, pending_answer: PendingAnswer) -> None:
        """Store a pending answer, or store it again with its changes; this bot owes it. Raises `StoreError`."""
        known = {"interaction_id", "token", "expires_at"}
        values = {
            "bot_id": self._lease.bot_id, "guild_id": pending_answer.guild_id, "member_id": pending_answer.member_id,
            "token": pending_answer.token, "expires_at": pending_answer.expires_at,
            "note": json.dumps({key: value for key, value in dict(pending_answer).items() if key not in known}),
        }  # fmt: skip
        async with self._database.write() as connection:
            row = upsert(connection, pending_answers).values(interaction_id=pending_answer.interaction_id, **values)
            await connection.execute(row.on_conflict_do_update(index_elements=["interaction_id"], set_=values))

    async def delete(self, interaction_id: int) -> None:
        """The answer was given: delete everything about it. Raises `StoreError`."""
        async with self._database.write() as connection:
            given = pending_answers.c.interaction_id == interaction_id
            await connection.execute(sa.delete(pending_answers).where(given))

    async def unanswered(self) -> list[PendingAnswer]:
        """Adopt what bots owe that are gone, on this bot's shards, and return what no job will answer, oldest first.

        Raises `StoreError`.
        """
        answers = pending_answers.alias()
        gone = ~sa.exists().where(bots.c.id == answers.c.bot_id)
        found = sa.select(answers.c.interaction_id).where(gone, *self._database.ours(answers.c.guild_id))
        these = pending_answers.c.interaction_id.in_(found.with_for_update(skip_locked=True, of=answers))
        adopted = (
            sa.update(pending_answers).where(these).values(bot_id=self._lease.bot_id).returning(*pending_answers.c)
        )
        async with self._database.write() as connection:
            rows = (await connection.execute(adopted)).mappings().all()
            ids = [row["interaction_id"] for row in rows]
            taken = set(
                await connection.scalars(sa.select(jobs.c.interaction_id).where(jobs.c.interaction_id.in_(ids)))
            )
            # What could never be deleted must not be held for ever.
            over = (
                pending_answers.c.expires_at < sa.func.now() - TOKEN_LIFE,
                pending_answers.c.bot_id == self._lease.bot_id,
            )
            done = sa.or_(pending_answers.c.interaction_id.in_(taken), sa.and_(*over))
            await connection.execute(sa.delete(pending_answers).where(done))
        left = [_answer(row) for row in rows if row["interaction_id"] not in taken]
        return sorted(left, key=lambda one: one.interaction_id)

    async def forget(self, member_id: int, but: int) -> None:
        """Delete a member's pending answers, except for one interaction. Raises `StoreError`."""
        theirs = pending_answers.c.member_id == member_id, pending_answers.c.interaction_id != but
        async with self._database.write() as connection:
            await connection.execute(sa.delete(pending_answers).where(*theirs))

    async def of_member(self, member_id: int) -> list[PendingAnswer]:
        """The pending answers of a member. Raises `StoreError`."""
        theirs = sa.select(pending_answers).where(pending_answers.c.member_id == member_id)
        async with self._database.read() as connection:
            return [_answer(row) for row in (await connection.execute(theirs)).mappings()]


def _answer(row: Any) -> PendingAnswer:
    kept = {key: row[key] for key in ("interaction_id", "token", "expires_at")}
    return PendingAnswer.model_validate({**json.loads(row["note"]), **kept})
