"""The one rule for "may this person, here, see or act on this job". Everything that takes an id asks it.

A job is known to its owner, to the moderators of its server, and, while it has something to show or is under way, to
whoever sees a channel where it was asked for or is shown. To everybody else it is `JobNotFound`, as an id that never
was. Who knows a job may look at it; to make something of it, its owner must share it; to stop or delete it is for its
owner and the moderators of its server.
"""

from __future__ import annotations

import enum

from bot.domain.model import Job, JobState, Member, Preferences, Value
from bot.domain.moderation.access import moderates_job, require_derivable
from bot.errors import JobNotFound, OwnersOnly

_TOLD = (JobState.QUEUED, JobState.RUNNING, JobState.RENDERED, JobState.DELIVERED)
"""What a channel has read of: neither what waits for review, nor what was kept back, failed or was stopped."""


class Deed(enum.StrEnum):
    """What somebody wants with a job."""

    SEE = "see"
    """Read of it: its words, its owner, its recipe, its pictures."""
    DERIVE = "derive"
    """Make something of it, or show it to others."""
    END = "end"
    """Stop or delete it."""
    JUDGE = "judge"
    """Decide about it as a moderator."""


class Viewer(Value):
    """Who asks about a job."""

    member: Member
    sees: bool = False
    """Whether they see a channel in which the job was asked for or is shown."""


def knows(viewer: Viewer, job: Job) -> bool:
    """Whether there is such a job, as far as they are told."""
    if viewer.member.id == job.member_id or moderates_job(viewer.member, job):
        return True
    return viewer.sees and job.state in _TOLD


def permit(deed: Deed, viewer: Viewer, job: Job, preferences: Preferences) -> None:
    """Return when they may; `preferences` are those of the job's owner.

    Raises:
        JobNotFound: they are not told of the job, or may not judge it.
        NotYours: the owner does not share it with them.
        OwnersOnly: it is not theirs to stop or delete.
    """
    is_judge = moderates_job(viewer.member, job)
    if not knows(viewer, job) or (deed is Deed.JUDGE and not is_judge):
        raise JobNotFound(job.id)
    if deed is Deed.DERIVE:
        require_derivable(preferences, job, viewer.member)
    if deed is Deed.END and viewer.member.id != job.member_id and not is_judge:
        raise OwnersOnly(job.member_id)
