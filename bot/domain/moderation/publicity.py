"""Which pictures the host's gallery may show to everybody. `why_private` is the only place where that is decided.

A picture is public if its maker agreed, and if nothing speaks against it. Where it is not certain, it is private. The
same holds for every picture that it was made from: a variation shows what it was made from.
"""

from __future__ import annotations

import enum
from datetime import datetime

from bot.domain.model import Cell, Job, JobState, Member, Preferences, Value, Verb
from bot.domain.moderation.access import banned_now
from bot.domain.moderation.consents import Stance
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.job_access import Deed, Viewer, permit
from bot.errors import JobNotFound

SKETCHES = frozenset({Verb.DRAFT, Verb.DESCRIBE})
"""What makes no finished picture."""


class Private(enum.StrEnum):
    """The first reason why a picture is private."""

    UNFINISHED = "it is not finished and posted"
    APART = "it belongs to a game or a vote, or only its maker saw it"
    ELSEWHERE = "it was not made in a channel that everybody on the server can read"
    CLOSED = "its channel can no longer be read by everybody"
    DELETED = "its message was deleted"
    NO_CONSENT = "its maker did not agree"
    BANNED = "its maker is banned"
    UPLOAD = "it was made from an uploaded picture"
    UNSAFE = "the picture check flagged it or failed"


class Exhibit(Value):
    """A job with everything that decides whether its pictures are public."""

    job: Job
    cells: tuple[Cell, ...]
    owner: Preferences
    """The settings of the job's owner."""
    choice: bool | None = None
    """What the owner said about this job alone; None: nothing."""
    rules: GuildRules
    """The rules of the server on which the job was asked for."""
    is_open: bool
    """Whether everybody on the server can read the job's channel now."""
    is_posted: bool
    """Whether a message shows the job."""


class Line(Value):
    """A job (first) and the jobs that it was made from."""

    exhibits: tuple[Exhibit, ...]
    is_whole: bool
    """False: a job that it was made from is deleted or cannot be read, so nobody knows what speaks against it."""


def may_view(line: Line, member: Member | None, now: datetime) -> bool:
    """Whether the gallery may show the line's first job to `member`; None: to everybody.

    Its owner may also see it while it is private, once its pictures may be shown at all.
    """
    if is_public(line, now):
        return True
    first = line.exhibits[0]
    if member is None or member.id != first.job.member_id or not first.job.state.is_showable or not first.cells:
        return False
    try:
        permit(Deed.SEE, Viewer(member=member), first.job, Stance.NO)
    except JobNotFound:
        return False
    return True


def is_public(line: Line, now: datetime) -> bool:
    """Whether everybody may see the line's first job."""
    return line.is_whole and all(why_private(exhibit, now) is None for exhibit in line.exhibits)


def why_private(exhibit: Exhibit, now: datetime) -> Private | None:
    """Return the first reason why a job is private; None: it is public, as far as it goes by itself."""
    job = exhibit.job
    checks = (
        (Private.UNFINISHED, job.state is not JobState.DELIVERED or job.spec.verb in SKETCHES or not exhibit.cells),
        (Private.APART, job.spec.sealed or job.reply.hidden or job.reply.ephemeral),
        (Private.ELSEWHERE, not job.reply.bot_present or job.guild_id is None or job.reply.open_channel_id is None),
        (Private.CLOSED, not exhibit.is_open),
        (Private.DELETED, not exhibit.is_posted),
        (Private.NO_CONSENT, not (exhibit.owner.gallery if exhibit.choice is None else exhibit.choice)),
        (Private.BANNED, job.member_id in banned_now(exhibit.rules.bans, now)),
        (Private.UPLOAD, bool(job.spec.uploads)),
        (Private.UNSAFE, _is_unsafe(exhibit)),
    )
    return next((reason for reason, holds in checks if holds), None)


def _is_unsafe(exhibit: Exhibit) -> bool:
    """Whether the picture check flagged a cell or failed, also where the server lets such pictures pass."""
    threshold = exhibit.rules.picture_threshold
    failed = any(cell.unsafe_score is None and cell.check_error for cell in exhibit.cells)
    return exhibit.job.spoiler or failed or any((cell.unsafe_score or 0.0) >= threshold for cell in exhibit.cells)
