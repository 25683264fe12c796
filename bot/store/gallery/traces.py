"""The gallery's own file: small copies and vectors of pictures. It can be deleted at any time, and is made again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, Self

import sqlalchemy as sa

from bot.errors import ConfigError
from bot.folders import PRIVATE
from bot.store.database import Database, upsert

FILE = "gallery.sqlite3"
VERSION = 1
"""Of the file's form; another one is thrown away."""

_metadata = sa.MetaData()
_traces = sa.Table(
    "traces",
    _metadata,
    sa.Column("job_id", sa.String(16), primary_key=True),
    sa.Column("cell", sa.Integer, primary_key=True),
    # 384 float16 values; NULL where the picture encoder is not installed.
    sa.Column("vector", sa.LargeBinary),
    sa.Column("thumbnail", sa.LargeBinary, nullable=False),
)

Key = tuple[str, int]
"""Job id and cell, counted from 0."""


class Trace(NamedTuple):
    """What is kept of a picture: a small WebP, and 384 float16 values (or None)."""

    thumbnail: bytes
    vector: bytes | None


class TraceStore:
    """A SQLite file in `data_dir`, written by the gallery's process alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, data_dir: Path) -> Self:
        """Open the file, made new where it is missing, broken or of another version. Raises `ConfigError`."""
        file = data_dir / FILE
        try:
            return await cls._open(file)
        except ConfigError:
            forget(data_dir)
            return await cls._open(file)

    @classmethod
    async def _open(cls, file: Path) -> Self:
        file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        database = await Database.connect(file)
        async with database.write() as connection:
            if await connection.scalar(sa.text("PRAGMA user_version")) != VERSION:
                await connection.run_sync(_metadata.drop_all)
                await connection.run_sync(_metadata.create_all)
                await connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        return cls(database)

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def get(self, key: Key) -> Trace | None:
        """Return what is kept of a picture."""
        query = sa.select(_traces.c.thumbnail, _traces.c.vector).where(*_is(key))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Trace(row.thumbnail, row.vector)

    async def put(self, key: Key, trace: Trace) -> None:
        """Keep it."""
        async with self._database.write() as connection:
            row = upsert(connection, _traces).values(job_id=key[0], cell=key[1], **trace._asdict())
            await connection.execute(row.on_conflict_do_update(index_elements=["job_id", "cell"], set_=trace._asdict()))

    async def keys(self) -> set[Key]:
        """Return every picture of which something is kept."""
        async with self._database.study() as connection:
            rows = await connection.execute(sa.select(_traces.c.job_id, _traces.c.cell))
            return {(row.job_id, row.cell) for row in rows}

    async def vectors(self, after: Key, limit: int) -> list[tuple[Key, bytes]]:
        """Return the vectors of the next pictures after `after`, in the order of their keys."""
        later = sa.tuple_(_traces.c.job_id, _traces.c.cell) > sa.tuple_(*map(sa.literal, after))
        query = sa.select(_traces.c.job_id, _traces.c.cell, _traces.c.vector).where(later)
        ordered = query.where(_traces.c.vector.is_not(None)).order_by(_traces.c.job_id, _traces.c.cell).limit(limit)
        async with self._database.study() as connection:
            return [((row.job_id, row.cell), row.vector) for row in await connection.execute(ordered)]

    async def forget(self, job_ids: Collection[str]) -> None:
        """Delete everything of these jobs, out of the write-ahead log too."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(_traces).where(_traces.c.job_id.in_(job_ids)))
        await self._database.scrub()


def forget(data_dir: Path) -> None:
    """Delete the file: where there is no gallery any more, nothing of it stays."""
    for suffix in ("", "-wal", "-shm"):
        (data_dir / f"{FILE}{suffix}").unlink(missing_ok=True)


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return _traces.c.job_id == key[0], _traces.c.cell == key[1]
