"""The messages of a round: the ballot paper while it is open, and the outcome afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from discord import ButtonStyle
from discord.ui import Button, View
from discord.utils import format_dt

from bot.domain.jobs import error_codec
from bot.domain.model import Job, Verb
from bot.domain.prompting.derivation import derive
from bot.domain.rounds.ballots import count, dice, letters
from bot.domain.rounds.round import Ballot, Round, RoundAct, RoundState
from bot.errors import Banned, CellNotFound, JobNotFound, NotYours, OwnerAsked, QuotaExceeded
from bot.ui.content.custom_ids import RoundId
from bot.ui.content.error_texts import words
from bot.ui.content.texts import MESSAGE_LIMIT, message_url, shorten

MOST_NAMES = 20


def ballot_paper(shown: Round, job: Job, voters: int) -> str:
    """How to vote, until when, what it costs whom, and how many have voted; never who voted for what."""
    if shown.state is RoundState.PAUSED:
        return f"🗳️ **Which one goes on?**{_of(job)}\n⏸️ A moderator has paused this. What was voted is kept."
    pictures = derive(job, Verb.VARY_STRONG, 0, seed=shown.seed).count
    more = f" {shown.outcome} There is more time." if shown.is_extended else ""
    return (
        f"🗳️ **Which one goes on?** Press every letter you like{_of(job)}: A is the first picture. "
        "Votes are secret until the end.\n"
        f"Closes {format_dt(shown.due_at, 'R')} · {voters} voted so far.{more}\n"
        f"-# <@{shown.host.id}> began this vote. The winner is varied at its end, on their quota "
        f"({pictures} pictures). A tie goes to the first of {letters(dice(shown.slots, shown.seed))}."
    )


def ballot_view(shown: Round) -> View:
    """A button for each cell, one that ends the vote, and one that calls it off: all that a paused vote has."""
    view, is_open = View(timeout=None), shown.state is RoundState.OPEN
    for slot in range(shown.slots if is_open else 0):
        view.add_item(button(RoundId(RoundAct.VOTE, shown.id, slot), letters((slot,)), ButtonStyle.primary))
    ways = ((RoundAct.CLOSE, "Count now"), (RoundAct.CANCEL, "Cancel the vote"))
    for act, label in ways if is_open else ways[1:]:
        view.add_item(button(RoundId(act, shown.id), label, ButtonStyle.secondary, row=4))
    view.stop()
    return view


def button(custom_id: RoundId, label: str, style: ButtonStyle, row: int | None = None) -> Button[View]:
    """A button of a round."""
    return Button(label=label, style=style, custom_id=str(custom_id), row=row)


def confirmation(ballot: Ballot, slots: int) -> str:
    """What a member reads after a press."""
    if not ballot.picks:
        return "Your ballot is empty now. Press a letter to vote."
    if len(ballot.picks) == slots:
        hint = "All of them is as good as none: press those again that you like less."
    else:
        hint = "Press a letter again to take it back, others to add them."
    return f"Your vote: **{letters(ballot.picks)}**. {hint}"


def outcome(ended: Round, job: Job, ballots: Sequence[Ballot], next_url: str) -> str:
    """Who won by how much, who took part, and what was made of it."""
    tally = count(ballots, ended.slots)
    if ended.winner is None:
        return f"🗳️ The vote is over: {ended.outcome}.{_of(job, ' It was about')}"
    marks = " · ".join(f"{letters((slot,))} {number}" for slot, number in enumerate(tally.marks))
    lines = [f"🗳️ **{letters((ended.winner,))}** goes on ({ended.outcome}): {marks}{_of(job, ' ·')}"]
    if names := [f"<@{ballot.member_id}>" for ballot in ballots if ballot.picks]:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"Decided by {', '.join(names[:MOST_NAMES])}{more}")
    lines.append(_what_follows(ended, next_url))
    return shorten("\n".join(lines), MESSAGE_LIMIT)


def _what_follows(ended: Round, next_url: str) -> str:
    if ended.refusal:
        error = error_codec.unpack(ended.refusal)
        if isinstance(error, OwnerAsked) and error.is_new:
            return f"Its variations wait for the yes of <@{error.owner_id}>."
        return f"It is not varied: {refusal(error, ended.host.id)}"
    if next_url:
        return f"[Its variations]({next_url})"
    return "Its variations follow."


def refusal(error: Exception, host_id: int) -> str:
    """Why, for everybody: the reason of a ban is for the banned alone."""
    match error:
        case Banned():
            return f"<@{host_id}>, who began the vote, may not ask for pictures now."
        case QuotaExceeded():
            left = f"it resets {format_dt(error.resets_at, 'R')}"
            return f"the quota of <@{host_id}>, who began the vote, is used up; {left}."
        case JobNotFound() | CellNotFound():
            return "the picture is not there any more."
        case NotYours():
            return words(error)
        case _:
            return f"<@{host_id}> would be told “{words(error)}”"


def _of(job: Job, before: str = " of") -> str:
    if job.reply.message_id is None:
        return ""
    return f"{before} [this grid]({message_url(job.guild_id, job.channel_id, job.reply.message_id)})"
