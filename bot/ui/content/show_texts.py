"""What a show says: how to vote, how it ended, and what moderators set up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from discord import ButtonStyle
from discord.ui import View
from discord.utils import format_dt

from bot.domain.rounds.ballots import Tally, dice, letters
from bot.domain.rounds.fame import Fame
from bot.domain.rounds.round import Round, RoundAct, RoundState
from bot.domain.rounds.show_plan import WEEKDAYS, ShowPlan, settings_of
from bot.ui.content.custom_ids import RoundId
from bot.ui.content.round_pages import button
from bot.ui.content.texts import MESSAGE_LIMIT, echo, fitted, message_url, shorten

_BAR, _PER_ROW = 8, 5
_ECHOES = (60, 30, 15)
"""Of each prompt so many characters, the first number with which everything fits into a message."""
_OVER = (RoundState.DECIDED, RoundState.ENDED)
_TITLE = "🖼️ **The show**"


@dataclass(frozen=True, slots=True)
class Hung:
    """One picture as it is told at the end."""

    place: int
    member_id: int
    prompt: str
    others: tuple[int, ...] = ()
    """Who made what it was made from."""


def paper(shown: Round, there: Collection[int], voters: int) -> str:
    """How to vote and until when, or that it is over; never who made or marked what."""
    if shown.state in _OVER:
        return _closed(shown)
    if shown.state is RoundState.PAUSED:
        return f"{_TITLE}\n⏸️ A moderator has paused this. What was voted is kept."
    more = f" {shown.outcome} There is more time." if shown.is_extended else ""
    return (
        f"{_TITLE} · {len(there)} pictures of the last weeks: loved ones, some that hardly anybody has seen, and one "
        "of somebody new.\nPress every letter you like. Votes are secret until the end, and so is who made what.\n"
        f"Closes {format_dt(shown.due_at, 'R')} · {voters} voted so far.{more}\n"
        f"-# A vote for your own picture does not count. A tie goes to the first of "
        f"{letters(dice(shown.slots, shown.seed))}. `/privacy weekly` says whether your pictures may hang here."
    )


def _closed(shown: Round) -> str:
    reveal_id = settings_of(shown).reveal_id
    if shown.winner is None or reveal_id is None:
        return f"{_TITLE} is over: {shown.outcome}."
    url = message_url(shown.guild_id, shown.channel_id, reveal_id)
    return f"{_TITLE} is over: **{letters((shown.winner,))}** has won. [Who made what]({url})"


def view(shown: Round, there: Collection[int]) -> View | None:
    """A button for each picture that hangs, and two for moderators; None when it is over."""
    if shown.state in _OVER:
        return None
    made = View(timeout=None)
    for place, slot in enumerate(sorted(there) if shown.state is RoundState.OPEN else ()):
        custom_id = RoundId(RoundAct.VOTE, shown.id, slot)
        made.add_item(button(custom_id, letters((slot,)), ButtonStyle.primary, row=place // _PER_ROW))
    for act, label in ((RoundAct.CLOSE, "Count now"), (RoundAct.CANCEL, "Cancel the vote")):
        made.add_item(button(RoundId(act, shown.id), label, ButtonStyle.secondary, row=4))
    made.stop()
    return made


def reveal(ended: Round, tally: Tally, hung: Sequence[Hung], parts: Sequence[tuple[int, int]], credit: str) -> str:
    """Who won by how much, who made what, and who has which part in the winner."""
    return fitted(lambda chars: _reveal(ended, tally, hung, parts, echo(credit, 100), chars), _ECHOES)


def _reveal(
    ended: Round, tally: Tally, hung: Sequence[Hung], parts: Sequence[tuple[int, int]], credit: str, chars: int
) -> str:
    order = dice(ended.slots, ended.seed)
    ranked = sorted(hung, key=lambda one: (-tally.marks[one.place], order.index(one.place)))
    most = max(tally.marks, default=0) or 1
    lines = [f"🏆 **{letters((ended.winner or 0,))}** has won the show ({ended.outcome})"]
    lines += [_line(one, tally.marks[one.place], most, chars, one.place == ended.winner) for one in ranked]
    shares = ", ".join(f"<@{member_id}> {number}" for member_id, number in parts)
    lines.append(f"**100 points**: {shares}" + (f" · “{credit}”" if credit else ""))
    lines.append("-# `/weekly hall` keeps the winners.")
    return "\n".join(lines)


def _line(one: Hung, marks: int, most: int, chars: int, has_won: bool) -> str:
    bold = "**" if has_won else ""
    others = f", from a picture by {_names(one.others)}" if one.others else ""
    words = f" · {echo(one.prompt, chars)}" if one.prompt else ""
    bar = f"{letters((one.place,))} {'▰' * round(_BAR * marks / most)} {marks}"
    return f"{bold}{bar}{bold} · <@{one.member_id}>{others}{words}"


def _names(member_ids: Sequence[int]) -> str:
    more = f" and {len(member_ids) - 2} more" if len(member_ids) > 2 else ""
    return ", ".join(f"<@{member_id}>" for member_id in member_ids[:2]) + more


def plan_line(plan: ShowPlan | None) -> str:
    """What is set up, and why the last one did not take place."""
    if plan is None:
        return "No weekly show is set up; `/weekly setup` with a weekday does."
    last = f"\nThe last one did not take place: {plan.note}." if plan.note else ""
    if plan.next_at is None:
        return f"The weekly show is off.{last}"
    when = f"{WEEKDAYS[plan.weekday]}, {plan.hour}:00"
    return f"The show is every {when} in <#{plan.place.channel_id}>; the next one {format_dt(plan.next_at, 'R')}.{last}"


def famed(one: Fame) -> str:
    """A page of the hall of fame."""
    url = "" if one.message_id is None else message_url(one.guild_id, one.channel_id, one.message_id)
    when = format_dt(one.shown_at, "D")
    lines = [f"🏆 **{when}**: <@{one.member_id}>" + (f" · [the show]({url})" if url else "")]
    lines += [echo(one.prompt, 300)] if one.prompt else []
    lines.append(f"{one.votes} of {one.voters} voters marked it, among {one.pictures} pictures.")
    if len(one.credits) > 1:
        lines.append("Points: " + ", ".join(f"<@{member_id}> {number}" for member_id, number in one.credits))
    return shorten("\n".join(lines), MESSAGE_LIMIT)
