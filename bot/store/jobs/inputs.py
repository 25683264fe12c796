"""What jobs were made from: written down with each job, and kept together when one in the middle is deleted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Job
from bot.store.database import upsert
from bot.store.schema_consent import inputs


async def note_inputs(connection: AsyncConnection, job: Job) -> None:
    """Write down the jobs that a new job is made from; there may be none."""
    named = dict.fromkeys(job.spec.made_from, True)
    if job.parent_id is not None:
        named.setdefault(job.parent_id, False)
    if named:
        rows = [{"job_id": job.id, "input_id": one, "is_picture": is_picture} for one, is_picture in named.items()]
        await connection.execute(sa.insert(inputs), rows)


async def bridge(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Before these jobs are deleted: what was made from them is from now on made from what they were made from."""
    below = sa.select(inputs).where(inputs.c.input_id.in_(ids), inputs.c.job_id.not_in(ids))
    chain = below.cte("chain", recursive=True)
    above = sa.select(chain.c.job_id, inputs.c.input_id, inputs.c.is_picture).join(
        chain, sa.and_(inputs.c.job_id == chain.c.input_id, chain.c.input_id.in_(ids))
    )
    chain = chain.union(above)
    is_picture = sa.func.max(sa.case((chain.c.is_picture, 1), else_=0)) == 1
    found = (
        sa.select(chain.c.job_id, chain.c.input_id, is_picture)
        .where(chain.c.input_id.not_in(ids))
        .group_by(chain.c.job_id, chain.c.input_id)
    )
    statement = upsert(connection, inputs).from_select(["job_id", "input_id", "is_picture"], found)
    either = inputs.c.is_picture | statement.excluded.is_picture
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["job_id", "input_id"], set_={"is_picture": either})
    )
