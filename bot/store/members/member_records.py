"""Everything stored about members, to take away or to remove."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain.jobs.pending_answers import PendingAnswers
from bot.domain.model import JobState
from bot.store.database import Database
from bot.store.members.personal_data import PersonalData
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.schema import extracts, jobs, posts
from bot.store.schema_rounds import rounds
from bot.store.schema_rules import reservations

_RESERVE = 64 * 1024
"""Left free in an archive for its own directory."""

README = """\
records.json holds every row that is stored about you, by table, and under "promises" what you asked for and has no
answer yet. pictures/ holds your pictures, the newest first,
uploads/ the pictures you uploaded, and frames/ how yours came out of the noise, as many as fit into one file here;
the others are listed in records.json under "cells", "uploads" and "jobs", and are in your messages.
"""


class Records:
    """`bot.domain.moderation.services.Records` on the database and the picture store."""

    def __init__(
        self, database: Database, pictures: PictureStore, pending_answers: PendingAnswers | None = None
    ) -> None:
        self._database, self._pictures = database, pictures
        self._retention = Retention(database, pictures)
        self._personal = PersonalData(database, pending_answers)

    async def delete_job(self, job_id: str) -> bool:
        """Delete one finished job with its pictures; False when there is none."""
        return await self._retention.delete_job(job_id)

    async def drop_pictures(self, job_id: str) -> None:
        """Delete a finished job's pictures and leave its row, which others' pictures may come from."""
        await self._retention.drop_pictures(job_id)

    async def messages_of(self, job_id: str) -> list[tuple[int, int]]:
        """Channel and message of everything that shows a job, a cell of it, or an extract."""
        shown = (
            sa.select(table.c.channel_id, table.c.message_id).where(table.c.job_id == job_id)
            for table in (posts, extracts)
        )
        async with self._database.read() as connection:
            return [(row.channel_id, row.message_id) for row in await connection.execute(sa.union(*shown))]

    async def posts_of(self, member_id: int) -> list[tuple[int, int]]:
        """Channel and message of everything that shows a job of a member's, replies and votes they began too."""
        theirs = sa.select(jobs.c.id).where(jobs.c.member_id == member_id)
        shown = (
            sa.select(table.c.channel_id, table.c.message_id).where(table.c.job_id.in_(theirs))
            for table in (posts, extracts)
        )
        replies = sa.select(jobs.c.channel_id, jobs.c.message_id).where(
            jobs.c.member_id == member_id, jobs.c.message_id.is_not(None)
        )
        papers = sa.select(rounds.c.channel_id, rounds.c.message_id).where(
            rounds.c.host_id == member_id, rounds.c.message_id.is_not(None)
        )
        every = sa.union(*shown, replies, papers)
        async with self._database.read() as connection:
            return [(row.channel_id, row.message_id) for row in await connection.execute(every)]

    async def outlived(self, before: datetime, guild_id: int) -> int:
        """How many pictures of a server's jobs are older than that."""
        return await self._retention.outlived(before, guild_id)

    async def erase_member(self, member_id: int) -> int:
        """Delete everything a member made, set and marked; returns how many jobs. Their live jobs must be over."""
        deleted = await self._retention.erase_member(member_id)
        # What is used stays in the counters until its windows end, or deleting would be a way around quotas.
        theirs = (reservations.c.member_id == member_id, reservations.c.state != "held")
        async with self._database.write() as connection:
            await connection.execute(sa.delete(reservations).where(*theirs))
        await self._database.scrub()
        return deleted

    async def export(self, member_id: int, limit_bytes: int) -> bytes:
        """A zip archive of at most `limit_bytes` (more only when the rows alone are): all rows, the newest pictures."""
        rows = await self._personal.export(member_id)
        files = {"README.txt": README.encode(), "records.json": await asyncio.to_thread(_packed, rows)}
        left = limit_bytes - _RESERVE - len(files["records.json"]) // 4
        for name, key, size_bytes in _kept(rows):
            if size_bytes > left:
                continue
            try:
                content = await self._pictures.get(key)
            except KeyError:
                continue
            if len(content) <= left:
                files[name] = content
                left -= len(content) + 300
        return await asyncio.to_thread(_zipped, files)


def _kept(rows: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str, int]]:
    """Name, key and least size of every kept file of theirs, those first that they will miss most."""
    pictures = [(f"{cell['job_id']}-{cell['cell'] + 1}.png", cell["key"], cell["size_bytes"]) for cell in _shown(rows)]
    uploads = dict.fromkeys(upload["key"] for upload in rows["uploads"])
    frames = {job["id"]: job["frames_key"] for job in rows["jobs"] if job["frames_key"] and _is_shown(job)}
    return [
        *((f"pictures/{name}", key, size_bytes) for name, key, size_bytes in pictures),
        *((f"uploads/{key.rpartition('/')[2]}", key, 1) for key in uploads),
        *((f"frames/{job_id}.zip", key, 1) for job_id, key in frames.items()),
    ]


def _is_shown(job: dict[str, Any]) -> bool:
    return JobState(job["state"]).is_showable


def _shown(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The newest first. What waits for review or was kept back is not handed out this way either."""
    made_at = {job["id"]: job["created_at"] for job in rows["jobs"] if _is_shown(job)}
    shown = [cell for cell in rows["cells"] if cell["job_id"] in made_at]
    return sorted(shown, key=lambda cell: (made_at[cell["job_id"]], -cell["cell"]), reverse=True)


def _packed(rows: dict[str, list[dict[str, Any]]]) -> bytes:
    # Half a surrogate pair, which members may write, becomes JSON's own escape.
    return json.dumps(rows, ensure_ascii=False, indent=1).encode(errors="backslashreplace")


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            kind = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, kind)
    return buffer.getvalue()
