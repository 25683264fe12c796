"""`Job`: the life of one request in the database, with its states, cells and cost."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NamedTuple

from bot.domain.model.job_spec import JobSpec
from bot.domain.model.member import Share
from bot.domain.model.place import DIRECT_MESSAGES, ReplyTo
from bot.domain.model.value import Value


class JobState(enum.StrEnum):
    """queued → running → rendered → (review →) delivered | failed | cancelled; shown ones ↔ hidden."""

    QUEUED = "queued"
    RUNNING = "running"
    RENDERED = "rendered"
    """The pictures are stored, but not posted yet."""
    REVIEW = "review"
    """The pictures are stored and wait for a moderator's decision."""
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HIDDEN = "hidden"
    """A moderator put it, or what it was made from, into quarantine; it may come back as it was."""

    @property
    def is_showable(self) -> bool:
        """Whether the pictures are stored and may be shown: they are neither in review nor blocked."""
        return self in (JobState.RENDERED, JobState.DELIVERED)

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobState.DELIVERED, JobState.FAILED, JobState.CANCELLED, JobState.HIDDEN)


class Verdict(enum.StrEnum):
    """The decision of the picture policy about finished pictures."""

    DELIVER = "deliver"
    SPOILER = "spoiler"
    REVIEW = "review"
    BLOCK = "block"


class Job(Value):
    """One row of the table `jobs`."""

    id: str
    state: JobState
    epoch: int
    """Number of the current run (fencing token): writes of older epochs are refused."""
    spec: JobSpec
    member_id: int
    member_name: str
    guild_id: int | None
    channel_id: int
    reply: ReplyTo
    interaction_id: int
    index: int = 0
    notify: bool = False
    parent_id: str | None = None
    parent_cell: int | None = None
    attempts: int = 0
    weight: float = 1.0
    """Fair-share weight: a member with weight 2 gets twice the device time of a member with weight 1."""
    model: str = ""
    """Name of the model, resolved when the job was accepted."""
    spoiler: bool = False
    """Post the pictures as spoilers, hidden until clicked."""
    frames_key: str | None = None
    """Key of the kept x0 frames (a zip of small mosaics), for the time-lapse."""
    estimate_ms: float = 0.0
    """Estimated device time in ms, which was reserved."""
    gpu_ms: float | None = None
    """Measured device time in ms."""
    error: str = ""
    recipe: str = ""
    """The engine's `Recipe` as JSON."""
    notes: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    share: Share | None = None
    """Who may make something of these pictures, where their owner said so for them alone."""
    created_at: datetime
    started_at: datetime | None = None
    rendered_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def rules_id(self) -> int:
        """Id of the server whose rules apply, as for `Place.rules_id`."""
        return self.guild_id or DIRECT_MESSAGES if self.reply.bot_present else DIRECT_MESSAGES


class Cell(Value):
    """One stored picture of a job."""

    job_id: str
    cell: int
    key: str
    """Key of the PNG in the picture store."""
    width: int
    height: int
    seed: int
    sha256: str
    size_bytes: int
    unsafe_score: float | None = None
    """Score of the picture check, 0 to 1; None when it did not run."""
    check_error: str = ""
    latents_key: str | None = None


class Charge(NamedTuple):
    """Cost of a job that ends without a result: measured device time in ms, and pictures."""

    gpu_ms: float
    pictures: int = 0


class Kept(Value):
    """The result of a finished run, written in one transaction."""

    cells: tuple[Cell, ...]
    gpu_ms: float
    state: JobState = JobState.RENDERED
    spoiler: bool = False
    recipe: str = ""
    notes: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    frames_key: str | None = None
    fingerprints: tuple[str, ...] = ()
    """Of each cell, in their order; "" for a picture that shows too little. () where none were taken."""
