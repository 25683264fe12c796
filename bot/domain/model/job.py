"""A request's life in the store, and what it leaves there."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NamedTuple

from bot.domain.model.place import DIRECT_MESSAGES, ReplyTo
from bot.domain.model.value import Value
from bot.domain.model.wish import JobSpec


class JobState(enum.StrEnum):
    """queued → running → rendered → (review →) delivered | failed | cancelled."""

    QUEUED = "queued"
    RUNNING = "running"
    RENDERED = "rendered"
    """Pictures and row are stored, not shown yet."""
    REVIEW = "review"
    """Stored, waiting for a moderator before it may be shown."""
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_showable(self) -> bool:
        """The pictures are stored and cleared for showing: neither in review nor kept back."""
        return self in (JobState.RENDERED, JobState.DELIVERED)

    @property
    def is_final(self) -> bool:
        """Nothing more will happen to the job by itself."""
        return self in (JobState.DELIVERED, JobState.FAILED, JobState.CANCELLED)


class Verdict(enum.StrEnum):
    """What may happen with finished pictures."""

    DELIVER = "deliver"
    SPOILER = "spoiler"
    REVIEW = "review"
    BLOCK = "block"


class Job(Value):
    """A request's life in the store."""

    id: str
    state: JobState
    epoch: int
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
    """The member's share of the queue relative to others."""
    model: str = ""
    """The model's name as resolved when accepted."""
    spoiler: bool = False
    """Deliver the pictures hidden until clicked."""
    frames_key: str | None = None
    """Key of the kept x0 frames (a zip of small mosaics), for the time-lapse."""
    estimate_ms: float = 0.0
    gpu_ms: float | None = None
    error: str = ""
    recipe: str = ""
    """The engine's Recipe as JSON."""
    notes: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    created_at: datetime
    started_at: datetime | None = None
    rendered_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def rules_id(self) -> int:
        """Whose rules hold, as for the place where it was asked."""
        return self.guild_id or DIRECT_MESSAGES if self.reply.bot_present else DIRECT_MESSAGES


class Cell(Value):
    """One kept picture of a job."""

    job_id: str
    cell: int
    key: str
    width: int
    height: int
    seed: int
    sha256: str
    size_bytes: int
    unsafe_score: float | None = None
    check_error: str = ""
    latents_key: str | None = None


class Charge(NamedTuple):
    """What a job that ends without a result costs."""

    gpu_ms: float
    pictures: int = 0


class Kept(Value):
    """What a finished run leaves in the store, written in one transaction."""

    cells: tuple[Cell, ...]
    gpu_ms: float
    state: JobState = JobState.RENDERED
    spoiler: bool = False
    recipe: str = ""
    notes: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    frames_key: str | None = None
