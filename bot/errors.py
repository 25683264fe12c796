"""The bot's errors as a tree. Each leaf carries data; `bot/ui/content/error_texts.py` writes the text for members.

BotError
├── UserError                               shown to the member only, never charged
│   ├── BadOption(word, hint)               a wrong flag or value, and the right form
│   ├── PromptRejected(rule)                the name of the rule, not its pattern
│   ├── NoProposal(why)                     no richer words could be proposed
│   ├── QuotaExceeded(scope, unit, used, limit, needed, resets_at)
│   ├── TooManyJobs(waiting, limit)
│   ├── Banned(until, reason)
│   ├── NotAllowedHere(why)                 channel rules: where, which models, sizes, steps
│   ├── MissingPermissions(names)           permissions that the bot lacks in this channel
│   ├── FileLimitTooSmall(limit_bytes)
│   ├── BadPicture(why)
│   ├── ExpressionsFull(kind, limit, level, more)  no emoji or sticker can be added; which boost level allows more
│   ├── ExpressionRefused(why)              Discord does not take this emoji or sticker
│   ├── JobNotFound(job_id)
│   ├── CellNotFound(job_id, cell)
│   ├── NotYours(owner_id)
│   │   ├── OwnerAsked(owner_id, is_new)    asked now, or before; it goes on when they say yes
│   │   ├── OwnersOnly(owner_id)            to stop or delete it; to lead a vote or a game
│   │   ├── AskersOnly(owner_id)            to start the jobs of a permutation
│   │   └── MakersOnly(owner_id)            to say who may make something of their picture
│   ├── NotPermitted(required)
│   ├── Paused(why)
│   ├── PictureBlocked(cells)               blocked by the picture check or a moderator
│   ├── PictureHidden                       in quarantine
│   ├── RoundNotFound(round_id)
│   ├── RoundOver(guild_id, channel_id, message_id)  takes no ballots any more; where its outcome stands
│   │   └── GameOver(guild_id, channel_id, message_id)
│   ├── RoundWaits(why)                     takes no ballots at the moment
│   ├── RoundUnderWay(guild_id, channel_id, message_id)  this grid is voted on already, and where
│   │   └── GameUnderWay(guild_id, channel_id, message_id)  this channel plays already
│   ├── NotInGame(why)                      what this member cannot do in a game now, in words
│   └── AlreadyAsked(job_id)                the same interaction came twice
├── ConfigError(key, why)                   at the start only
├── DeliveryError
│   ├── ReplyGone(job_id)                   the reply was deleted or cannot be reached
│   └── DeliveryLater(retry_after_s)        Discord or the network failed: try again later
└── StoreError
    ├── Fenced(job_id, epoch)               an older epoch tried to write
    ├── MigrationFailed(version, why)
    └── BackupUnusable(file, why)
"""

from __future__ import annotations

from datetime import datetime


class BotError(Exception):
    """Darkroom could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class UserError(BotError):
    """The request cannot be done as asked."""


class BadOption(UserError):
    """A flag or option is wrong."""

    def __init__(self, word: str, hint: str) -> None:
        self.word, self.hint = word, hint
        super().__init__(f"{word}: {hint}")


class NoProposal(UserError):
    """No richer words could be proposed."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class PromptRejected(UserError):
    """The prompt breaks a rule of this server."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(f"the prompt breaks the rule {rule!r}")


class QuotaExceeded(UserError):
    """The quota is used up."""

    def __init__(self, scope: str, unit: str, used: float, limit: float, needed: float, resets_at: datetime) -> None:
        self.scope, self.unit, self.used, self.limit, self.needed = scope, unit, used, limit, needed
        self.resets_at = resets_at
        super().__init__(f"{used:g} of {limit:g} {unit} used ({scope}), {needed:g} needed")


class TooManyJobs(UserError):
    """Too many jobs of this member are waiting or running."""

    def __init__(self, waiting: int, limit: int) -> None:
        self.waiting, self.limit = waiting, limit
        super().__init__(f"{waiting} of {limit} jobs waiting or running")


class Banned(UserError):
    """This member may not make pictures here for now."""

    def __init__(self, until: datetime | None, reason: str) -> None:
        self.until, self.reason = until, reason
        super().__init__(f"banned until {until or 'further notice'}: {reason}")


class NotAllowedHere(UserError):
    """This channel's rules do not allow it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class MissingPermissions(UserError):
    """The bot lacks permissions in this channel."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"missing permissions: {', '.join(names)}")


class FileLimitTooSmall(UserError):
    """The pictures exceed the file size limit of this place."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"the file size limit here is {limit_bytes} bytes")


class BadPicture(UserError):
    """The picture cannot be used."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class ExpressionsFull(UserError):
    """The server has all emojis or stickers that it may have; `more` of them (0: never) from boost level `level`."""

    def __init__(self, kind: str, limit: int, level: int, more: int) -> None:
        self.kind, self.limit, self.level, self.more = kind, limit, level, more
        super().__init__(f"all {limit} {kind}s are used")


class ExpressionRefused(UserError):
    """Discord does not take this emoji or sticker."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class JobNotFound(UserError):
    """There is no such job, or the member may not know of it."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"no job {job_id!r}")


class CellNotFound(UserError):
    """The job has no such picture."""

    def __init__(self, job_id: str, cell: int) -> None:
        self.job_id, self.cell = job_id, cell
        super().__init__(f"job {job_id!r} has no picture {cell + 1}")


class NotYours(UserError):
    """The owner's settings do not allow this member to derive from the picture."""

    def __init__(self, owner_id: int) -> None:
        self.owner_id = owner_id
        super().__init__(f"the job belongs to member {owner_id}")


class OwnerAsked(NotYours):
    """The owner is asked; when they say yes, what was asked for is made."""

    def __init__(self, owner_id: int, is_new: bool) -> None:
        self.is_new = is_new
        super().__init__(owner_id)


class OwnersOnly(NotYours):
    """Only the owner and the moderators of its server may stop or delete a job, or lead a vote or a game."""


class AskersOnly(NotYours):
    """Only whoever asked for a permutation may start its jobs."""


class MakersOnly(NotYours):
    """Only the owner of a picture says who may make something of it."""


class NotPermitted(UserError):
    """This command is for moderators."""

    def __init__(self, required: str) -> None:
        self.required = required
        super().__init__(f"needs {required}")


class Paused(UserError):
    """The moderators paused the queue."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "paused")


class Restarting(UserError):
    """The bot is stopping; its next start answers what was acknowledged."""

    def __init__(self) -> None:
        super().__init__("restarting")


class PictureBlocked(UserError):
    """The finished picture may not be shown here."""

    def __init__(self, cells: tuple[int, ...] = ()) -> None:
        self.cells = cells
        super().__init__()


class PictureHidden(UserError):
    """A moderator has hidden the picture, or one it was made from."""

    def __init__(self) -> None:
        super().__init__()


class AlreadyAsked(UserError):
    """The same interaction has made a job already."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"already job {job_id!r}")


class RoundNotFound(UserError):
    """There is no such round, or its grid was deleted."""

    def __init__(self, round_id: str) -> None:
        self.round_id = round_id
        super().__init__(f"no round {round_id!r}")


class RoundOver(UserError):
    """The round takes no ballots any more."""

    def __init__(self, guild_id: int, channel_id: int, message_id: int | None) -> None:
        self.guild_id, self.channel_id, self.message_id = guild_id, channel_id, message_id
        super().__init__("the round is over")


class RoundWaits(UserError):
    """The round takes no ballots at the moment."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "the pictures are being drawn")


class RoundUnderWay(UserError):
    """The grid is voted on already."""

    def __init__(self, guild_id: int, channel_id: int, message_id: int | None) -> None:
        self.guild_id, self.channel_id, self.message_id = guild_id, channel_id, message_id
        super().__init__("the round is under way")


class NotInGame(UserError):
    """This member cannot do that in this game now; `why` is in words for them."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class GameOver(RoundOver):
    """The game is over; its end is in that message."""


class GameUnderWay(RoundUnderWay):
    """This channel plays already; the game is in that message."""


class ConfigError(BotError):
    """The configuration is wrong."""

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(f"{key}: {why}")


class DeliveryError(BotError):
    """A delivery to Discord failed."""


class ReplyGone(DeliveryError):
    """The reply was deleted or can no longer be reached."""

    def __init__(self, job_id: str, why: str = "") -> None:
        self.job_id, self.why = job_id, why
        super().__init__(f"job {job_id}: {why or 'reply gone'}")


class DeliveryLater(DeliveryError):
    """Discord does not accept the message now."""

    def __init__(self, retry_after_s: float, why: str = "") -> None:
        self.retry_after_s, self.why = retry_after_s, why
        super().__init__(why or f"try again in {retry_after_s:g} s")


class StoreError(BotError):
    """The database or the picture store failed."""


class Fenced(StoreError):
    """An older epoch of this job tried to write."""

    def __init__(self, job_id: str, epoch: int) -> None:
        self.job_id, self.epoch = job_id, epoch
        super().__init__(f"job {job_id}, epoch {epoch}")


class MigrationFailed(StoreError):
    """The database could not be migrated to this version."""

    def __init__(self, version: str, why: str) -> None:
        self.version, self.why = version, why
        super().__init__(f"{version}: {why}")


class BackupUnusable(StoreError):
    """The backup could not be written, or cannot be restored."""

    def __init__(self, file: str, why: str) -> None:
        self.file, self.why = file, why
        super().__init__(f"{file}: {why}")
