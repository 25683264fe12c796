"""The gate: nothing of a job is shown, and no file of it sent, unless it was asked for here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from bot.domain.model import Cell, Member
from bot.domain.moderation.publicity import Line, may_view
from bot.errors import CellNotFound, JobNotFound
from bot.store.gallery.exhibits import ExhibitReads


class Gate:
    """Reads jobs with everything that decides who may see them, and returns those that this visitor may."""

    def __init__(self, exhibits: ExhibitReads, clock: Callable[[], datetime]) -> None:
        self._exhibits, self.now = exhibits, clock

    async def permitted(self, job_ids: Collection[str], member: Member | None) -> list[Line]:
        """Return the lines of those jobs that the visitor may see, in the order of `job_ids`."""
        lines, now = await self._exhibits.lines(job_ids), self.now()
        return [lines[each] for each in job_ids if each in lines and may_view(lines[each], member, now)]

    async def line(self, job_id: str, member: Member | None) -> Line:
        """Return one line. Raises `JobNotFound`, also for what exists and is not for this visitor."""
        found = await self.permitted([job_id], member)
        if not found:
            raise JobNotFound(job_id)
        return found[0]


def cell_of(line: Line, number: int) -> Cell:
    """Return a picture of a line's first job. Raises `CellNotFound`."""
    exhibit = line.exhibits[0]
    found = next((cell for cell in exhibit.cells if cell.cell == number - 1), None)
    if found is None:
        raise CellNotFound(exhibit.job.id, number - 1)
    return found
