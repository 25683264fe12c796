"""The values everything on the bot's side speaks about. Frozen, plain, storable; no Discord objects."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


DIRECT_MESSAGES: Final = 0
"""The number under which rules and counters outside servers are kept."""


class Verb(enum.StrEnum):
    """What a job does."""

    IMAGINE = "imagine"
    REROLL = "reroll"
    VARY_SUBTLE = "vary_subtle"
    VARY_STRONG = "vary_strong"
    REGION = "region"
    ZOOM = "zoom"
    PAN = "pan"
    BLEND = "blend"
    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"
    DESCRIBE = "describe"


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


class Options(Value):
    """What a prompt says, parsed. `None` means: the member's default, else the model's."""

    prompt: str
    parts: tuple[tuple[str, float], ...] = ()
    """Weighted parts of a multi-prompt, or () for a plain one."""
    negative: str = ""
    aspect: tuple[int, int] | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    model: str | None = None
    stop: int | None = None
    """Percent of the steps, 10-100."""
    repeat: int = 1
    image_weight: float | None = None
    tile: bool = False
    style: str | None = None
    strength: float | None = None
    loras: tuple[tuple[str, float], ...] = ()


class CellRef(Value):
    """One kept picture: cell `cell` (0-3) of a job."""

    job_id: str
    cell: int


class JobSpec(Value):
    """All that is needed to run a job again from its seed. Pictures are named by key, never held."""

    verb: Verb
    options: Options
    seed: int
    """Fixed when accepted, so that running again gives the same picture."""
    count: int = 4
    width: int | None = None
    height: int | None = None
    source: CellRef | None = None
    """The kept picture this derives from."""
    parent_id: str | None = None
    """The job this was asked from, where that is not the source's (a new seed for the same wish)."""
    images: tuple[str, ...] = ()
    """Keys of uploaded pictures in the picture store."""
    mask: str | None = None
    """Key of the mask (white = redraw)."""
    style_image: str | None = None
    """Key of a picture in whose manner to draw."""
    zoom: float = 1.0
    pan: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Shares of the shorter side to add: left, right, top, bottom."""
    factor: float = 4.0
    alone: bool = False
    """Drawn in forward passes of its own, so that nothing depends on who else is there."""


class Member(Value):
    """Who asks, as Discord says it in the interaction."""

    id: int
    name: str
    role_ids: tuple[int, ...] = ()
    guild_id: int | None = None
    """The server that the roles and the right are of."""
    is_moderator: bool = False
    """Has Manage Server, or one of the configured moderator roles."""
    locale: str = "en-US"


class Place(Value):
    """Where it is asked."""

    guild_id: int | None = None
    channel_id: int
    parent_channel_id: int | None = None
    """The channel a thread belongs to."""
    age_restricted: bool = False
    bot_present: bool = True
    """False when the app is only installed by the user: then only the interaction token can reach the reply."""
    file_limit_bytes: int = 10 * 1024 * 1024
    missing_permissions: tuple[str, ...] = ()

    @property
    def rules_id(self) -> int:
        """Whose rules hold: the server's where the bot is a member, the host's elsewhere."""
        return self.guild_id or DIRECT_MESSAGES if self.bot_present else DIRECT_MESSAGES


class ReplyTo(Value):
    """How to reach the one reply message of a job."""

    channel_id: int
    message_id: int | None = None
    application_id: int = 0
    token: str = Field(default="", repr=False)
    """The interaction token; secret, useless after `expires_at`."""
    expires_at: datetime | None = None
    ephemeral: bool = False
    bot_present: bool = True
    file_limit_bytes: int = 10 * 1024 * 1024
    """What one file may weigh in this reply."""
    follows: bool = False
    """It stands behind other replies to the same interaction, whose first message is not this one."""


class Preferences(Value):
    """What a member set for themselves; an option in the prompt beats it."""

    model: str | None = None
    aspect: tuple[int, int] | None = None
    suffix: str = ""
    """Flags and words put behind every prompt."""
    remix: bool = False
    """V and the reroll button ask for a new prompt first."""
    notify: bool = False
    """Ping when a picture is done."""
    share: Literal["all", "role", "me"] = "all"
    """Who may press buttons on this member's pictures."""
    share_role: int | None = None
    """For "role": the one whose members may."""


class Ask(Value):
    """One wish, complete: who wants what, where, and where the answer goes."""

    spec: JobSpec
    member: Member
    place: Place
    reply: ReplyTo
    interaction_id: int
    """Unique: the same interaction delivered twice makes one job. Permutations and repeats add an `index`."""
    index: int = 0
    notify: bool = False


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


class ParcelKind(enum.StrEnum):
    """What is owed to a reply."""

    RESULT = "result"
    REVIEW = "review"
    CLOSED = "closed"


LONGEST_DELAY: Final = timedelta(hours=1)
"""No delivery is put off for longer; one that seems to be was written before the clock was set back."""


class Parcel(Value):
    """One delivery still owed."""

    job_id: str
    kind: ParcelKind
    epoch: int
    tries: int = 0
    due_at: datetime
    error: str = ""
    """For `closed`: the error as JSON, see `bot.domain.failures`."""
