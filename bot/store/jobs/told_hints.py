"""The vocabulary hints that members got: at most one for each member and model."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.database import Database, upsert
from bot.store.schema import hints


class HintStore:
    """Implements `bot.domain.moderation.vocabulary_hints.ToldHints` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, member_id: int, model: str, job_id: str) -> bool:
        """Record that `job_id` tells the member, unless another job did; return whether it is this job."""
        theirs = hints.c.member_id == member_id, hints.c.model == model
        async with self._database.write() as connection:
            row = upsert(connection, hints).values(member_id=member_id, model=model, job_id=job_id)
            await connection.execute(row.on_conflict_do_nothing())
            return await connection.scalar(sa.select(hints.c.job_id).where(*theirs)) == job_id
