"""Fingerprints of kept pictures: stored with them, and searched when somebody uploads a picture."""

from __future__ import annotations

import sqlalchemy as sa

from bot.domain.jobs.fingerprint import Fingerprint
from bot.domain.model import CellRef
from bot.store.database import Database
from bot.store.schema import jobs
from bot.store.schema_consent import fingerprints

_CANDIDATES = 500


class FingerprintStore:
    """Finds the kept picture that an uploaded one is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def nearest(self, guild_id: int, said: str) -> CellRef | None:
        """The kept picture of this server that is most like it, the oldest of equals; None where none is like it."""
        if not said:
            return None
        wanted = Fingerprint.parse(said)
        bands = (fingerprints.c[f"band{number}"] == band for number, band in enumerate(wanted.bands))
        # `+ 0` keeps SQLite from the index of all the server's jobs.
        query = sa.select(fingerprints, jobs.c.created_at).join(jobs).where(
            sa.or_(*bands), jobs.c.guild_id + 0 == guild_id
        )  # fmt: skip
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(_CANDIDATES))).all()
        near = [(wanted.distance(row.bits), row.created_at, row) for row in rows if wanted.is_like(row.bits)]
        if not near:
            return None
        _, _, best = min(near, key=lambda one: one[:2])
        return CellRef(job_id=best.job_id, cell=best.cell)
