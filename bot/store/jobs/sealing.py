"""Sealed jobs: their prompts stand in a table of their own until a game reveals them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import JobSpec
from bot.store.schema import jobs, sealed_words


async def unseal(connection: AsyncConnection, job_ids: Collection[str]) -> None:
    """Put the prompts back into the jobs; again is harmless."""
    theirs = sealed_words.c.job_id.in_(job_ids)
    query = sa.select(jobs.c.id, jobs.c.spec, sealed_words.c.prompt).join(sealed_words).where(theirs)
    for row in (await connection.execute(query)).all():
        spec = JobSpec.model_validate_json(row.spec, extra="ignore")
        options = spec.options.model_copy(update={"prompt": row.prompt})
        opened = spec.model_copy(update={"options": options, "sealed": False})
        await connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(spec=opened.model_dump_json()))
    await connection.execute(sa.delete(sealed_words).where(theirs))
