"""What is deleted, when and how: rows first, then files, so that no row ever names a file that is gone.

Uploads lie under the hash of their content. The same picture may come again while its old rows go: before a file goes,
the rows are asked once more, and what was put meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import JobSpec
from bot.store.database import Database
from bot.store.jobs.inputs import bridge
from bot.store.jobs.sealing import unseal
from bot.store.pictures import PictureStore
from bot.store.rounds import hall
from bot.store.rounds.games import forget
from bot.store.schema import OUTSIDE, UNFINISHED, cells, favourites, hints, jobs, members, uploads
from bot.store.schema_consent import fingerprints, grants
from bot.store.schema_games import games
from bot.store.schema_rounds import ballots, entries, rounds
from bot.store.schema_styles import kept_styles
from bot.store.schema_sums import member_days

_BATCH, _FOUND = 20, 500
_STRAY_AFTER = timedelta(days=1)
_is_over = jobs.c.state.not_in(UNFINISHED)


class Retention:
    """Deletes jobs with all their pictures; unfinished ones are never touched."""

    def __init__(self, database: Database, pictures: PictureStore) -> None:
        self._database, self._pictures = database, pictures

    async def purge(self, before: datetime, guild_id: int | None = None) -> int:
        """Delete the jobs asked for before that time in a server (None: outside of all); returns how many."""
        # Where the bot is no member, as the reply's JSON says, the rules are those outside servers too.
        here = OUTSIDE if guild_id is None else jobs.c.guild_id == guild_id
        if guild_id is not None:
            old = games.c.created_at < before, games.c.is_over, games.c.guild_id == guild_id
            async with self._database.write() as connection:
                await connection.execute(sa.delete(games).where(*old))
            await self._purge_rounds(before, guild_id)
        return await self._delete_where(_is_over, here, jobs.c.created_at < before)

    async def _purge_rounds(self, before: datetime, guild_id: int) -> None:
        """Delete rounds that no job takes along when it goes."""
        old = rounds.c.job_id.is_(None), rounds.c.guild_id == guild_id, rounds.c.created_at < before
        async with self._database.write() as connection:
            await connection.execute(sa.delete(rounds).where(*old, rounds.c.state == "ended"))

    async def erase_member(self, member_id: int) -> int:
        """Delete what a member made, uploaded, set, marked and voted; returns how many jobs. Theirs must be over."""
        deleted = await self._delete_where(_is_over, jobs.c.member_id == member_id)
        await self._take_back_uploads(member_id)
        await self._leave_the_hall(member_id)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(favourites).where(favourites.c.member_id == member_id))
            await connection.execute(sa.delete(hints).where(hints.c.member_id == member_id))
            for whose in (grants.c.owner_id, grants.c.member_id):
                await connection.execute(sa.delete(grants).where(whose == member_id))
            await connection.execute(sa.delete(ballots).where(ballots.c.member_id == member_id))
            await connection.execute(sa.delete(rounds).where(rounds.c.host_id == member_id))
            await unseal(connection, await forget(connection, member_id))
            mine, nameless = entries.c.member_id == member_id, {"member_id": None, "text": ""}
            await connection.execute(
                sa.update(entries).where(mine, entries.c.picture_job_id.is_(None)).values(state="void")
            )
            await connection.execute(sa.update(entries).where(mine).values(nameless))
            await connection.execute(sa.delete(member_days).where(member_days.c.member_id == member_id))
            await connection.execute(sa.delete(members).where(members.c.member_id == member_id))
        return deleted

    async def _leave_the_hall(self, member_id: int) -> None:
        with self._pictures.put_meanwhile() as put:
            async with self._database.write() as connection:
                keys = await hall.forget_maker(connection, member_id)
            await self.delete_files(keys, put)

    async def _take_back_uploads(self, member_id: int) -> None:
        """Delete what a member uploaded, wherever it is used; jobs that others made of it say so when asked again."""
        with self._pictures.put_meanwhile() as put:
            keys = await self._drop_uploads(member_id)
            await self.delete_files(keys, put)

    async def _drop_uploads(self, member_id: int) -> set[str]:
        async with self._database.write() as connection:
            theirs = (await connection.execute(sa.select(uploads).where(uploads.c.member_id == member_id))).all()
            used = {row.job_id for row in theirs}
            for row in await connection.execute(sa.select(jobs.c.id, jobs.c.spec).where(jobs.c.id.in_(used))):
                try:
                    spec = JobSpec.model_validate_json(row.spec, extra="ignore")
                except ValueError as error:
                    self._database.unreadable.set_aside("jobs", row.id, error)
                    continue
                left = spec.without_uploads({upload.key for upload in theirs if upload.job_id == row.id})
                await connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(spec=left.model_dump_json()))
            await connection.execute(sa.delete(uploads).where(uploads.c.member_id == member_id))
            saved = kept_styles.c.member_id == member_id
            styles = set(await connection.scalars(sa.select(kept_styles.c.key).where(saved)))
            await connection.execute(sa.delete(kept_styles).where(saved))
        return {upload.key for upload in theirs} | styles

    async def delete_files(self, keys: Iterable[str], put: Set[str]) -> int:
        """Delete what no row names by now; a picture that somebody else uploaded or keeps too is theirs."""
        return await self._pictures.delete_unneeded(keys, self._named, put)

    async def _named(self, keys: Sequence[str]) -> set[str]:
        async with self._database.study() as connection:
            return await _named(connection, keys)

    async def outlived(self, before: datetime, guild_id: int) -> int:
        """How many pictures of a server's jobs `purge` would delete."""
        old = (_is_over, jobs.c.guild_id == guild_id, jobs.c.created_at < before)
        query = sa.select(sa.func.count()).select_from(cells.join(jobs)).where(*old)
        async with self._database.read() as connection:
            return await connection.scalar(query) or 0

    async def delete_job(self, job_id: str) -> bool:
        """Delete one finished job with its pictures, out of the hall, too; False when there is none."""
        with self._pictures.put_meanwhile() as put:
            async with self._database.write() as connection:
                keys = await hall.forget_jobs(connection, [job_id])
            await self.delete_files(keys, put)
        return await self._delete_where(_is_over, jobs.c.id == job_id) > 0

    async def drop_pictures(self, job_id: str) -> None:
        """Delete a finished job's pictures, those it began from too; leave its row, for statistics and lineage."""
        with self._pictures.put_meanwhile() as put:
            await self.delete_files(await self._drop_cells(job_id), put)

    async def _drop_cells(self, job_id: str) -> list[str]:
        async with self._database.write() as connection:
            if not await connection.scalar(sa.select(jobs.c.id).where(jobs.c.id == job_id, _is_over)):
                return []
            keys = await _keys_of(connection, [job_id]) + await _unshared_uploads(connection, [job_id])
            keys += await hall.forget_jobs(connection, [job_id])
            await connection.execute(sa.delete(cells).where(cells.c.job_id == job_id))
            await connection.execute(sa.delete(fingerprints).where(fingerprints.c.job_id == job_id))
            await connection.execute(sa.delete(uploads).where(uploads.c.job_id == job_id))
            await connection.execute(sa.delete(favourites).where(favourites.c.job_id == job_id))
            await connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(frames_key=None))
        return keys

    async def forget_tokens(self, now: datetime) -> None:
        """Interaction tokens are secrets; useless ones are not kept."""
        useless = sa.update(jobs).where(jobs.c.token_until < now).values(token=None, token_until=None)
        async with self._database.write() as connection:
            await connection.execute(useless)

    async def sweep(self, now: datetime) -> int:
        """Delete files that no row names, left by a crash or by a wish that was refused; returns how many."""
        swept = 0
        with self._pictures.put_meanwhile() as put:
            async for page in self._pictures.pages():
                old = [stored.key for stored in page if stored.modified_at < now - _STRAY_AFTER]
                strays = set(old) - await self._named(old)
                swept += await self.delete_files(strays, put)
        return swept

    async def _delete_where(self, *conditions: sa.ColumnElement[bool]) -> int:
        """A few at a time, found without the writer: whoever asks for a picture meanwhile waits for a few only."""
        deleted, query = 0, sa.select(jobs.c.id).where(*conditions).order_by(jobs.c.created_at).limit(_FOUND)
        while True:
            async with self._database.study() as connection:
                found = list(await connection.scalars(query))
            for start in range(0, len(found), _BATCH):
                await self._delete(found[start : start + _BATCH])
            deleted += len(found)
            if len(found) < _FOUND:
                return deleted

    async def _delete(self, ids: Sequence[str]) -> None:
        with self._pictures.put_meanwhile() as put:
            async with self._database.write() as connection:
                keys = await _keys_of(connection, ids) + await _unshared_uploads(connection, ids)
                await bridge(connection, ids)
                # Cells, posts, uploads, favourites and owed deliveries go with the job.
                await connection.execute(sa.delete(jobs).where(jobs.c.id.in_(ids)))
            await self.delete_files(keys, put)


async def _keys_of(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Every file that belongs to these jobs alone."""
    kept = await connection.execute(sa.select(cells.c.key, cells.c.latents_key).where(cells.c.job_id.in_(ids)))
    frames = await connection.scalars(sa.select(jobs.c.frames_key).where(jobs.c.id.in_(ids)))
    return [key for row in kept for key in row if key is not None] + [key for key in frames if key is not None]


async def _unshared_uploads(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Uploads that no other job needs."""
    other = uploads.alias()
    is_shared = sa.exists().where(other.c.key == uploads.c.key, other.c.job_id.not_in(ids))
    query = sa.select(uploads.c.key).where(uploads.c.job_id.in_(ids), ~is_shared).distinct()
    return list(await connection.scalars(query))


async def _named(connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
    """Those of the keys that some row names."""
    ids = {job_id for folder, job_id, *_ in (key.split("/") for key in keys) if folder == "jobs"}
    named = [
        key
        for column in (uploads.c.key, kept_styles.c.key)
        for key in await connection.scalars(sa.select(column).where(column.in_(keys)))
    ]
    return {*await _keys_of(connection, list(ids)), *named, *await hall.named(connection, keys)}
