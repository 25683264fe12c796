"""In whose credit a picture is: the members on the way from the first picture to this one, newest first."""

from __future__ import annotations

from bot.domain.model import Job
from bot.domain.ports import Jobs
from bot.errors import JobNotFound
from bot.ui.content.texts import safe

_FARTHEST, _NAMED = 12, 3


async def authors(jobs: Jobs, job: Job) -> list[int]:
    """The other members on its path, each once, the nearest first; of twelve generations at most."""
    found: dict[int, None] = {}
    one, steps = job, 0
    while True:
        if one.spec.poster_id is not None:
            found[one.spec.poster_id] = None
        if one.parent_id is None or steps == _FARTHEST:
            break
        try:
            one, steps = await jobs.get(one.parent_id), steps + 1
        except JobNotFound:
            break
        found[one.member_id] = None
    return [member_id for member_id in found if member_id != job.member_id]


def credit(job: Job, names: list[int]) -> str:
    """The line below a result; "" where it is its asker's alone."""
    line = f"“{safe(job.spec.credit)}”" if job.spec.credit else ""
    if not names:
        return f"-# 🌿 {line}" if line else ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    who = ", ".join(f"<@{member_id}>" for member_id in names[:_NAMED])
    return f"-# 🌿 From a picture by {who}{more}{': ' + line if line else ''}"
