"""Results of jobs: stored pictures, their rows, and the frames of the time-lapse."""

from __future__ import annotations

import asyncio

from bot.domain.jobs import stored_files
from bot.domain.model import Cell
from bot.domain.ports import Jobs, Pictures
from bot.errors import CellNotFound


class JobResults:
    """Reads results from the stores; missing ones raise `CellNotFound`."""

    def __init__(self, jobs: Jobs, pictures: Pictures) -> None:
        self._jobs, self._pictures = jobs, pictures

    async def picture(self, job_id: str, cell: int) -> bytes:
        """A kept picture's bytes. Raises `CellNotFound`."""
        kept = await self.cell(job_id, cell)
        try:
            return await self._pictures.get(kept.key)
        except KeyError as missing:
            raise CellNotFound(job_id, cell) from missing

    async def cell(self, job_id: str, cell: int) -> Cell:
        """A kept picture's row. Raises `CellNotFound`."""
        for kept in await self._jobs.cells(job_id):
            if kept.cell == cell:
                return kept
        raise CellNotFound(job_id, cell)

    async def frames(self, job_id: str) -> list[bytes]:
        """The x0 frames of a job from static to picture; empty when none were kept."""
        job = await self._jobs.get(job_id)
        if job.frames_key is None:
            return []
        try:
            return await asyncio.to_thread(stored_files.unpack_frames, await self._pictures.get(job.frames_key))
        except KeyError:
            return []
