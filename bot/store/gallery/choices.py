"""What makers said about single pictures."""

from __future__ import annotations

import sqlalchemy as sa

from bot.errors import JobNotFound
from bot.store.database import Database, upsert
from bot.store.schema import jobs
from bot.store.schema_gallery import gallery_choices


class GalleryChoiceStore:
    """Writes the choices; the gallery reads them with the jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def choose(self, job_id: str, *, is_shown: bool) -> None:
        """Show or hide the pictures of one job, whatever the maker's setting says. Raises `JobNotFound`."""
        async with self._database.write() as connection:
            if await connection.scalar(sa.select(jobs.c.id).where(jobs.c.id == job_id)) is None:
                raise JobNotFound(job_id)
            row = upsert(connection, gallery_choices).values(job_id=job_id, is_shown=is_shown)
            changed = {"is_shown": is_shown}
            await connection.execute(row.on_conflict_do_update(index_elements=["job_id"], set_=changed))
