"""`Ask`: what the job service accepts, a job's specification with its member and its place."""

from __future__ import annotations

from bot.domain.model.job_spec import JobSpec
from bot.domain.model.member import Member
from bot.domain.model.place import Place, ReplyTo
from bot.domain.model.value import Value


class Ask(Value):
    """One submission: what is asked (`spec`), by whom, where, and to which reply the result goes."""

    spec: JobSpec
    member: Member
    place: Place
    reply: ReplyTo
    interaction_id: int
    """The id of the interaction. (`interaction_id`, `index`) is unique: an interaction sent twice makes one job."""
    index: int = 0
    """Number of this submission among those of the same interaction (permutations, repeats)."""
    notify: bool = False
    """Ping the member when the result is posted."""
