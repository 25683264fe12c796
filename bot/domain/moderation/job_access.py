"""Access control for jobs: who may see, derive from, stop or review a job. Every command that takes a job id asks it.

A job is visible to its owner and to the moderators of its server. While it is live or has a result that may be shown,
it is also visible to members who can see a channel in which it was asked for or is shown. For all others it raises
`JobNotFound`, as an unknown id does. A member who can see a job may derive from it if its owner lets them
(`bot.domain.moderation.consents`). A job in quarantine is known to its owner and to moderators only, without its
pictures. Only its owner and the moderators of its server may stop or delete it. A sealed job is a secret of a game:
until the reveal nobody may see it or derive from it, its owner and moderators included.
"""

from __future__ import annotations

import enum

from bot.domain.model import Job, JobState, Member, Value
from bot.domain.moderation.access import moderates_job
from bot.domain.moderation.consents import Stance
from bot.errors import JobNotFound, NotYours, OwnersOnly

_TOLD = (JobState.QUEUED, JobState.RUNNING, JobState.RENDERED, JobState.DELIVERED)
"""States that a channel may know of: not review, not failed, not cancelled."""


class Deed(enum.StrEnum):
    """What a member wants to do with a job."""

    SEE = "see"
    """See its prompt, owner, recipe and pictures."""
    DERIVE = "derive"
    """Derive a new job from it, or post it elsewhere."""
    END = "end"
    """Stop or delete it."""
    JUDGE = "judge"
    """Decide about it in review, as a moderator."""


class Viewer(Value):
    """The member who asks about a job."""

    member: Member
    sees: bool = False
    """Whether the member can see a channel in which the job was asked for or is shown."""


def knows(viewer: Viewer, job: Job) -> bool:
    """Whether the viewer may know that this job exists."""
    if viewer.member.id == job.member_id or moderates_job(viewer.member, job):
        return True
    return viewer.sees and job.state in _TOLD


def permit(deed: Deed, viewer: Viewer, job: Job, stance: Stance) -> None:
    """Return if the viewer may do this; `stance` is what the job's owner says of making something of it.

    Where the owner wants to be asked, the viewer may begin; the owner is asked when the new job is submitted.

    Raises:
        JobNotFound: the viewer may not know of the job, or may not review it.
        NotYours: the owner does not allow it.
        OwnersOnly: only the owner and moderators may stop or delete it.
    """
    is_judge = moderates_job(viewer.member, job)
    if job.spec.sealed and deed in (Deed.SEE, Deed.DERIVE):
        raise JobNotFound(job.id)
    if not knows(viewer, job) or (deed is Deed.JUDGE and not is_judge):
        raise JobNotFound(job.id)
    if deed is Deed.DERIVE and stance is Stance.NO:
        raise NotYours(job.member_id)
    if deed is Deed.END and viewer.member.id != job.member_id and not is_judge:
        raise OwnersOnly(job.member_id)
