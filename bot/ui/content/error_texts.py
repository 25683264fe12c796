"""The table that turns errors into words for members: what happened, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from discord.utils import format_dt

import engine
from bot import errors as bot
from bot.domain.moderation.access import CREATE_EXPRESSIONS, MANAGER
from bot.ui.content.texts import message_url

_PERMISSIONS = frozenset({MANAGER, CREATE_EXPRESSIONS})
GENERIC = (
    "Something went wrong on my side; nothing was charged. Please try again in a moment; "
    "if it stays so, tell the person who runs me."
)


def words(error: BaseException) -> str:
    """Return the text about an error; the most specific row wins, and unknown errors get a general text."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind](error)
    return GENERIC


def _quota(error: bot.QuotaExceeded) -> str:
    return (
        f"That needs {error.needed:g} {error.unit}, and {error.used:g} of {error.limit:g} are used ({error.scope}). "
        f"It resets {format_dt(error.resets_at, 'R')}."
    )


def _banned(error: bot.Banned) -> str:
    until = format_dt(error.until, "f") if isinstance(error.until, datetime) else "further notice"
    reason = f" Reason: {error.reason}" if error.reason else ""
    return f"You cannot make pictures here until {until}.{reason}"


def _permissions(error: bot.MissingPermissions) -> str:
    if error.names == ("create_expressions",):
        return "I lack **Create Expressions** on this server. Ask a moderator to give that permission to my role."
    names = ", ".join(f"**{name.replace('_', ' ').title()}**" for name in error.names)
    return f"I lack {names} in this channel. Ask a moderator to allow it, or use another channel."


def _file_limit(error: bot.FileLimitTooSmall) -> str:
    return f"Files may have only {error.limit_bytes / 2**20:.1f} MB here, too little for pictures."


def _round(said: str, error: bot.RoundOver | bot.RoundUnderWay) -> str:
    if error.message_id is None:
        return f"{said}."
    return f"{said}: {message_url(error.guild_id, error.channel_id, error.message_id)}"


def _not_yours(error: bot.NotYours) -> str:
    return f"<@{error.owner_id}> keeps this to themselves: only they, and those they let, may do that."


def _not_permitted(error: bot.NotPermitted) -> str:
    return f"This needs {error.required}." if error.required in _PERMISSIONS else "This is for moderators."


def _expressions_full(error: bot.ExpressionsFull) -> str:
    boost = f", or boost the server to level {error.level}, which allows {error.more}" if error.more else ""
    return f"All {error.limit} {error.kind}s of this server are used. Delete one in Server Settings{boost}."


def _unknown(what: str, known: tuple[str, ...]) -> str:
    return f"I know no {what}. " + (f"There are: {', '.join(known[:25])}." if known else "None is set up here.")


def _wait(error: engine.Rejected) -> str:
    return f" Try again in about {max(1, round(error.retry_after_s))} s." if error.retry_after_s else " Try again soon."


def _aborted(error: engine.RequestAborted) -> str:
    return {
        engine.AbortReason.USER_REQUEST: "Cancelled. Nothing more is charged.",
        engine.AbortReason.MODERATOR: "Cancelled by a moderator.",
        engine.AbortReason.CLIENT_GONE: "Cancelled: the message is gone.",
        engine.AbortReason.SHUTDOWN: "I am restarting; this goes on by itself when I am back.",
    }[error.reason]


TABLE: Mapping[type[BaseException], Callable[[Any], str]] = MappingProxyType(
    {
        bot.BotError: lambda error: GENERIC,
        bot.UserError: lambda error: str(error),
        bot.BadOption: lambda error: f"`{error.word}`: {error.hint}",
        bot.NoProposal: lambda error: f"There is no proposal: {error.why}. Your prompt is as it was.",
        bot.PromptRejected: lambda error: (
            f"This server does not allow that prompt (rule: {error.rule}). Nothing was charged."
        ),
        bot.QuotaExceeded: _quota,
        bot.TooManyJobs: lambda error: (
            f"You have {error.waiting} pictures under way, {error.limit} are allowed at once. "
            "Wait for one, or stop one with `/cancel`."
        ),
        bot.Banned: _banned,
        bot.NotAllowedHere: lambda error: f"Not in this channel: {error.why}",
        bot.MissingPermissions: _permissions,
        bot.FileLimitTooSmall: _file_limit,
        bot.BadPicture: lambda error: f"I cannot use that picture: {error.why}",
        bot.ExpressionsFull: _expressions_full,
        bot.ExpressionRefused: lambda error: f"Discord did not take it: {error.why}",
        bot.JobNotFound: lambda error: "I do not have that picture any more. `/info me` lists yours.",
        bot.CellNotFound: lambda error: f"Picture {error.cell + 1} is not there any more.",
        bot.InterruptedTooOften: lambda error: (
            f"I was interrupted {error.attempts} times while I drew this, so I have given it up; nothing was charged. "
            "Ask for it again, and if that happens once more, tell the person who runs me."
        ),
        bot.NotYours: _not_yours,
        bot.OwnerAsked: lambda error: (
            f"🙋 <@{error.owner_id}> wants to be asked first. "
            + (
                "I have asked; as soon as they say yes, I make it. No quota is taken before that."
                if error.is_new
                else "You have asked them today already; the answer counts for that."
            )
        ),
        bot.OwnersOnly: lambda error: f"Only <@{error.owner_id}>, who asked for it, and moderators can do that.",
        bot.AskersOnly: lambda error: (
            f"Only <@{error.owner_id}>, who typed this command, can start its jobs. Type it yourself for your own."
        ),
        bot.MakersOnly: lambda error: f"Only <@{error.owner_id}> can say that: it is about their picture.",
        bot.NotPermitted: _not_permitted,
        bot.Paused: lambda error: (
            f"The queue is paused: {error.why}" if error.why else "The queue is paused. Try again later."
        ),
        bot.Restarting: lambda error: "I am restarting; please ask again in a minute. Nothing was charged.",
        bot.PictureBlocked: lambda error: (
            "The picture check of this server does not let this result through. No picture was charged, only its time."
        ),
        bot.PictureHidden: lambda error: "A moderator has hidden this picture, or one that it was made from.",
        bot.RoundNotFound: lambda error: "This vote is over, and what it was about is gone.",
        bot.RoundOver: lambda error: _round("This vote is over", error),
        bot.RoundWaits: lambda error: f"No votes are taken just now: {error}.",
        bot.NobodyVoted: lambda error: (
            "Nobody has voted yet, so there is nothing to count. Press the letters you like first; "
            "the button beside this one ends the vote without a winner."
        ),
        bot.RoundUnderWay: lambda error: _round("The group votes on this already", error),
        bot.NotInGame: lambda error: f"🎲 {error.why}",
        bot.GameOver: lambda error: _round("This game is over", error),
        bot.GameUnderWay: lambda error: _round("This channel plays already", error),
        bot.AlreadyAsked: lambda error: "That is already under way.",
        bot.ConfigError: lambda error: "I am not set up right; please tell the person who runs me.",
        bot.DeliveryError: lambda error: "I could not show the result here.",
        bot.ReplyGone: lambda error: "The message for this result is gone.",
        bot.DeliveryLater: lambda error: "Discord is slow just now; the result comes as soon as it lets me.",
        bot.StoreError: lambda error: GENERIC,
        bot.DiskFull: lambda error: (
            "My disk is full, so I cannot take this; nothing was charged. Please tell the person who runs me, and ask "
            "again when there is room."
        ),
        bot.Fenced: lambda error: "This was picked up elsewhere; nothing is lost.",
        bot.BackupUnusable: lambda error: GENERIC,
        bot.MigrationFailed: lambda error: "I am being updated; please try again later.",
        engine.EngineError: lambda error: GENERIC,
        engine.InvalidRequest: lambda error: f"`{error.field}`: {error.why}",
        engine.UnknownModel: lambda error: _unknown(f"model named `{error.name}`", error.known),
        engine.UnknownLoRA: lambda error: _unknown(f"LoRA named `{error.name}`", error.known),
        engine.Rejected: lambda error: "I cannot take more just now." + _wait(error),
        engine.QueueFull: lambda error: f"The queue is full ({error.waiting} waiting)." + _wait(error),
        engine.MemberQueueFull: lambda error: (
            f"You have {error.waiting} of {error.limit} places in the queue." + _wait(error)
        ),
        engine.EngineNotReady: lambda error: f"I am not ready yet ({error.state})." + _wait(error),
        engine.ClusterRefused: lambda error: "I am not set up right; please tell the person who runs me.",
        engine.DeviceMissing: lambda error: "I am not set up right; please tell the person who runs me.",
        engine.RequestAborted: _aborted,
        engine.InferenceFailed: lambda error: (
            "This picture could not be made; nothing was charged. Once more would hardly help: change the words, "
            "the size or the model, or tell the person who runs me."
        ),
        engine.OutOfMemory: lambda error: (
            f"This picture is too large for the graphics card: {error.advice}. Nothing was charged."
        ),
        engine.ModelLoadFailed: lambda error: (
            f"The model `{error.model}` cannot be loaded; nothing was charged. Choose another with `--model`; the "
            "person who runs me finds the reason with `darkroom check`."
        ),
        engine.ModelMissing: lambda error: (
            f"The model `{error.model}` is not on this machine; its host gets it with `darkroom models pull "
            f"{error.model}`. Nothing was charged. Choose another with `--model`."
        ),
        engine.ModelTooLarge: lambda error: (
            f"The model `{error.model}` is too large for the graphics card; nothing was charged. Choose another with "
            "`--model`, or tell the person who runs me."
        ),
        engine.BadOutput: lambda error: (
            f"The model gave {error.what}; nothing was charged. Try another seed or fewer steps."
        ),
        engine.DeviceLost: lambda error: (
            f"The graphics card failed {error.attempts} times with this; nothing was charged. "
            "Ask for a smaller picture, or choose another model."
        ),
    }
)
