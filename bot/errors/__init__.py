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
│   ├── InterruptedTooOften(attempts)       the bot was ended each time while this was drawn
│   ├── NotYours(owner_id)
│   │   ├── OwnerAsked(owner_id, is_new)    asked now, or before; it goes on when they say yes
│   │   ├── OwnersOnly(owner_id)            to stop or delete it; to lead a vote or a game
│   │   ├── AskersOnly(owner_id)            to start the jobs of a permutation
│   │   └── MakersOnly(owner_id)            to say who may make something of their picture
│   ├── NotPermitted(required)
│   ├── Paused(why)
│   ├── Restarting                          the bot stops; its next start answers what was acknowledged
│   ├── PictureBlocked(cells)               blocked by the picture check or a moderator
│   ├── PictureHidden                       in quarantine
│   ├── RoundNotFound(round_id)
│   ├── RoundOver(guild_id, channel_id, message_id)  takes no ballots any more; where its outcome stands
│   │   └── GameOver(guild_id, channel_id, message_id)
│   ├── NobodyVoted                         there is nothing to count yet
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
    ├── DiskFull(what)                      it passes when the operator makes room
    ├── Fenced(job_id, epoch)               an older epoch tried to write
    ├── MigrationFailed(version, why)
    └── BackupUnusable(file, why)
"""

from bot.errors.base import BotError, ConfigError, UserError
from bot.errors.discord_limits import ExpressionRefused, ExpressionsFull, FileLimitTooSmall, MissingPermissions
from bot.errors.failures import (
    BackupUnusable,
    DeliveryError,
    DeliveryLater,
    DiskFull,
    Fenced,
    MigrationFailed,
    ReplyGone,
    StoreError,
    unexplained,
)
from bot.errors.jobs import (
    AskersOnly,
    CellNotFound,
    InterruptedTooOften,
    JobNotFound,
    MakersOnly,
    NotYours,
    OwnerAsked,
    OwnersOnly,
)
from bot.errors.requests import AlreadyAsked, BadOption, BadPicture, NoProposal, Restarting
from bot.errors.rounds import (
    GameOver,
    GameUnderWay,
    NobodyVoted,
    NotInGame,
    RoundNotFound,
    RoundOver,
    RoundUnderWay,
    RoundWaits,
)
from bot.errors.rules import (
    Banned,
    NotAllowedHere,
    NotPermitted,
    Paused,
    PictureBlocked,
    PictureHidden,
    PromptRejected,
    QuotaExceeded,
    TooManyJobs,
)

__all__ = [
    "AlreadyAsked",
    "AskersOnly",
    "BackupUnusable",
    "BadOption",
    "BadPicture",
    "Banned",
    "BotError",
    "CellNotFound",
    "ConfigError",
    "DeliveryError",
    "DeliveryLater",
    "DiskFull",
    "ExpressionRefused",
    "ExpressionsFull",
    "Fenced",
    "FileLimitTooSmall",
    "GameOver",
    "GameUnderWay",
    "InterruptedTooOften",
    "JobNotFound",
    "MakersOnly",
    "MigrationFailed",
    "MissingPermissions",
    "NoProposal",
    "NobodyVoted",
    "NotAllowedHere",
    "NotInGame",
    "NotPermitted",
    "NotYours",
    "OwnerAsked",
    "OwnersOnly",
    "Paused",
    "PictureBlocked",
    "PictureHidden",
    "PromptRejected",
    "QuotaExceeded",
    "ReplyGone",
    "Restarting",
    "RoundNotFound",
    "RoundOver",
    "RoundUnderWay",
    "RoundWaits",
    "StoreError",
    "TooManyJobs",
    "UserError",
    "unexplained",
]
