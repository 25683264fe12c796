"""Compares the rows with the picture store: what is named and not there, and what is there and not named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.store.database import Database
from bot.store.pictures import PictureStore
from bot.store.schema import cells, jobs, uploads
from bot.store.schema_shows import fame
from bot.store.schema_styles import kept_styles

_YOUNG = timedelta(days=1)
_NAMES = (cells.c.key, cells.c.latents_key, jobs.c.frames_key, uploads.c.key, fame.c.key, kept_styles.c.key)


@dataclass(frozen=True)
class PictureAudit:
    """Keys in order; `rows` counts the keys that rows name and that are there."""

    rows: int
    missing: list[str]
    strays: list[str]


async def audit(database: Database, pictures: PictureStore, now: datetime) -> PictureAudit:
    """Look at every key. A file younger than a day may belong to a job that is being accepted: it is no stray.

    Raises:
        StoreError: the database or the picture store failed.
    """
    young, there = set[str](), set[str]()
    async for page in pictures.pages():
        there |= {stored.key for stored in page}
        young |= {stored.key for stored in page if stored.modified_at > now - _YOUNG}
    named = set[str]()
    async with database.study() as connection:
        for column in _NAMES:
            named |= set(await connection.scalars(sa.select(column).where(column.is_not(None))))
    # Asked once more: one that was put after its page was listed is there.
    missing = [key for key in sorted(named - there) if not await pictures.has(key)]
    return PictureAudit(len(named) - len(missing), missing, sorted(there - named - young))
