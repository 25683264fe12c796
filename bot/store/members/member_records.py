"""Export and deletion of what is stored about members and jobs."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain.model import JobState
from bot.store.database import Database
from bot.store.members.personal_data import PendingOf, PersonalData
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.schema import extracts, jobs, posts
from bot.store.schema_games import games
from bot.store.schema_rounds import rounds
from bot.store.schema_rules import reservations

_RESERVE = 64 * 1024
"""Bytes of the size limit that are reserved for the zip directory."""

README = """\
records.json holds every row that is stored about you, by table. Its entry "promises" holds your commands that have no
answer yet.
pictures/ holds your pictures, uploads/ the pictures that you uploaded or keep as
styles, hall/ copies of those that won a show, and frames/ the previews of your pictures.
Discord limits the size of this file. Pictures that did not fit are listed in records.json under "cells", "uploads"
and "jobs", and are still in your messages.
"""


class MemberRecordStore:
    """Exports and deletes what is stored about jobs and members, rows and picture files."""

    def __init__(self, database: Database, pictures: PictureStore, pending_of: PendingOf | None = None) -> None:
        self._database, self._pictures = database, pictures
        self._retention = Retention(database, pictures)
        self._personal = PersonalData(database, pending_of)

    async def delete_job(self, job_id: str) -> bool:
        """Delete a finished job and its pictures; False when there is no such job."""
        return await self._retention.delete_job(job_id)

    async def drop_pictures(self, job_id: str) -> None:
        """Delete a finished job's pictures. Its row stays, because other jobs may be derived from it."""
        await self._retention.drop_pictures(job_id)

    async def messages_of(self, job_id: str) -> list[tuple[int, int]]:
        """Return (channel id, message id) of every message that shows the job or something of it."""
        shown = (
            sa.select(table.c.channel_id, table.c.message_id).where(table.c.job_id == job_id)
            for table in (posts, extracts)
        )
        async with self._database.read() as connection:
            return [(row.channel_id, row.message_id) for row in await connection.execute(sa.union(*shown))]

    async def posts_of(self, member_id: int) -> list[tuple[int, int]]:
        """Return (channel id, message id) of each message that shows a job, a vote or a game of theirs."""
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
        boards = sa.select(games.c.channel_id, games.c.message_id).where(
            games.c.host_id == member_id, games.c.message_id.is_not(None)
        )
        every = sa.union(*shown, replies, papers, boards)
        async with self._database.read() as connection:
            return [(row.channel_id, row.message_id) for row in await connection.execute(every)]

    async def outlived(self, before: datetime, guild_id: int) -> int:
        """Return the number of pictures of a server's jobs that are older than `before`."""
        return await self._retention.outlived(before, guild_id)

    async def erase_member(self, member_id: int) -> int:
        """Delete a member's jobs, settings and favourites; return the number of jobs. No job may be live."""
        deleted = await self._retention.erase_member(member_id)
        # The counters stay until their windows end: else a member could reset a quota by deleting everything.
        theirs = (reservations.c.member_id == member_id, reservations.c.state != "held")
        async with self._database.write() as connection:
            await connection.execute(sa.delete(reservations).where(*theirs))
        await self._database.scrub()
        return deleted

    async def export(self, member_id: int, limit_bytes: int) -> bytes:
        """Return a zip archive of all rows, and of as many pictures as fit, newest first.

        The archive has at most `limit_bytes` bytes, unless the rows alone are larger.
        """
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
    """File name, key and minimum size in bytes of every kept file: pictures, uploads, copies in the hall, frames."""
    pictures = [(f"{cell['job_id']}-{cell['cell'] + 1}.png", cell["key"], cell["size_bytes"]) for cell in _shown(rows)]
    uploads = dict.fromkeys(row["key"] for table in ("uploads", "kept_styles") for row in rows[table])
    frames = {job["id"]: job["frames_key"] for job in rows["jobs"] if job["frames_key"] and _is_shown(job)}
    return [
        *((f"pictures/{name}", key, size_bytes) for name, key, size_bytes in pictures),
        *((f"uploads/{key.rpartition('/')[2]}", key, 1) for key in uploads),
        *((f"hall/{row['round_id']}.png", row["key"], 1) for row in rows["fame"]),
        *((f"frames/{job_id}.zip", key, 1) for job_id, key in frames.items()),
    ]


def _is_shown(job: dict[str, Any]) -> bool:
    return job["state"] in {state.value for state in JobState if state.is_showable}


def _shown(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the cells that may be shown, newest first; not those in review or kept back."""
    made_at = {job["id"]: job["created_at"] for job in rows["jobs"] if _is_shown(job)}
    shown = [cell for cell in rows["cells"] if cell["job_id"] in made_at]
    return sorted(shown, key=lambda cell: (made_at[cell["job_id"]], -cell["cell"]), reverse=True)


def _packed(rows: dict[str, list[dict[str, Any]]]) -> bytes:
    # backslashreplace: a member's text may hold lone surrogates.
    return json.dumps(rows, ensure_ascii=False, indent=1).encode(errors="backslashreplace")


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            kind = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, kind)
    return buffer.getvalue()
