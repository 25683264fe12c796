"""Reviews: pictures that wait until a moderator shows or deletes them."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.jobs import stored_files
from bot.domain.jobs.dependencies import Ports
from bot.domain.model import Job, JobState, Member
from bot.domain.moderation.access import moderates_job
from bot.errors import Fenced, NotPermitted, PictureBlocked


class Reviews:
    """Decides jobs in state `REVIEW`; one that was decided stays as it is."""

    def __init__(self, ports: Ports, wake: Callable[[], None]) -> None:
        """`wake` has the outbox looked at, from which the decision is delivered."""
        self._ports, self._wake = ports, wake

    async def approve(self, job_id: str, by: Member) -> Job:
        """Show the pictures. Raises `NotPermitted` and `JobNotFound`."""
        job = await self._job(job_id, by)
        if job.state is not JobState.REVIEW:
            return job
        try:
            job = await self._ports.jobs.approve(job, self._ports.clock())
        except Fenced:  # another moderator was faster
            return await self._ports.jobs.get(job_id)
        self._wake()
        return job

    async def reject(self, job_id: str, by: Member) -> Job:
        """Delete the pictures; the quota gets them back, but not their device time.

        Raises `NotPermitted` and `JobNotFound`.
        """
        job = await self._job(job_id, by)
        if job.state is not JobState.REVIEW:
            return job
        cells = await self._ports.jobs.cells(job_id)
        try:
            job = await self._ports.jobs.close(job, JobState.FAILED, PictureBlocked(), self._ports.clock())
        except Fenced:  # another moderator was faster
            return await self._ports.jobs.get(job_id)
        self._wake()
        for key in stored_files.keys_of(job, cells):
            await self._ports.pictures.delete(key)
        return job

    async def _job(self, job_id: str, by: Member) -> Job:
        job = await self._ports.jobs.get(job_id)
        if not moderates_job(by, job):
            raise NotPermitted("moderator")
        return job
