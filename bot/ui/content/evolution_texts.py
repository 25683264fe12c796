"""What an `/evolve` says: what it costs, each vote, and each outcome."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from discord import ButtonStyle
from discord.ui import View
from discord.utils import format_dt

from bot.domain.jobs import error_codec
from bot.domain.prompting.prompt import render
from bot.domain.rounds.ballots import Tally, dice, letters
from bot.domain.rounds.entry import Entry
from bot.domain.rounds.evolution import Evolution, Part, agreed, ending, parts
from bot.domain.rounds.round import Ballot, Round, RoundAct, RoundState
from bot.ui.content.custom_ids import RoundId
from bot.ui.content.round_pages import MOST_NAMES, button, refusal
from bot.ui.content.texts import MESSAGE_LIMIT, echo, shorten

_BAR = 8
_ECHO = 300


def plan(evolution: Evolution, minutes: float, used: str) -> str:
    """What is agreed to by pressing Start."""
    rounds = f"{evolution.rounds} rounds" if evolution.rounds > 1 else "one round"
    first = evolution.spec.count
    said = f" {used} are used now." if used else ""
    return (
        f"🧬 **Evolve together**: {_prompt(evolution)}\nUp to {rounds} of {minutes:g} minutes. The group votes on four "
        "pictures; the winner stays, and up to three wild cards (members' own lines) stand against it next, with "
        "variations where there are fewer. In the last round it is one wild card and two variations.\n"
        f"It costs at most **{evolution.pictures} pictures** of your quota: {first} at first, 3 in each later round, "
        f"1 for the upscale at the end. It ends early when the winner is kept twice in a row.{said}"
    )


def plan_view(planned: Round) -> View:
    """Start it, or not."""
    view = View(timeout=None)
    view.add_item(button(RoundId(RoundAct.START, planned.id), "Start", ButtonStyle.success))
    view.add_item(button(RoundId(RoundAct.CANCEL, planned.id), "No", ButtonStyle.secondary))
    view.stop()
    return view


def current(shown: Round, voters: int) -> str:
    """A round that is drawn, voted on or paused; never who voted for what."""
    evolution = agreed(shown)
    head = f"🧬 **Round {shown.number} of {evolution.rounds}** · {_prompt(evolution)}\n"
    if shown.state is RoundState.PAUSED:
        return f"{head}⏸️ A moderator has paused this. What was voted is kept."
    if shown.state is RoundState.DRAWING:
        return f"{head}{_drawing(shown)}"
    more = f" {shown.outcome} There is more time." if shown.is_extended else ""
    kept = " One of them won the last round; which one is said after the count." if shown.number > 1 else ""
    return (
        f"{head}🗳️ **Which one goes on?** Press every letter you like; votes are secret until the end.{kept}\n"
        f"Closes {format_dt(shown.due_at, 'R')} · {voters} voted so far.{more}\n"
        f"-# On the quota of <@{shown.host.id}>. A tie goes to the first of {letters(dice(shown.slots, shown.seed))}."
    )


def _drawing(shown: Round) -> str:
    if shown.refusal:
        return f"⏸️ It waits: {refusal(error_codec.unpack(shown.refusal), shown.host.id)}"
    number = shown.slots if shown.number == 1 else shown.slots - 1
    return f"⏳ {number} pictures are being drawn, on the quota of <@{shown.host.id}>."


def view(shown: Round, there: Collection[int]) -> View:
    """A button for each picture that is there; one for a wild card, where a round follows; two that end it."""
    made = View(timeout=None)
    if shown.state is RoundState.OPEN:
        for slot in sorted(there):
            made.add_item(button(RoundId(RoundAct.VOTE, shown.id, slot), letters((slot,)), ButtonStyle.primary, row=0))
    if shown.number < agreed(shown).rounds and shown.state is not RoundState.PAUSED:
        made.add_item(button(RoundId(RoundAct.WILD, shown.id), "Wild card", ButtonStyle.success, row=1))
    if shown.state is RoundState.OPEN:
        made.add_item(button(RoundId(RoundAct.CLOSE, shown.id), "Count now", ButtonStyle.secondary, row=1))
    made.add_item(button(RoundId(RoundAct.CANCEL, shown.id), "End", ButtonStyle.secondary, row=1))
    made.stop()
    return made


def outcome(ended: Round, tally: Tally, choices: Sequence[Entry], voters: Sequence[Ballot]) -> str:
    """What won by how much, what was what, and who decided."""
    head = f"🧬 **Round {ended.number} of {agreed(ended).rounds}**"
    if ended.winner is None:
        why = f" {refusal(error_codec.unpack(ended.refusal), ended.host.id)}" if ended.refusal else ""
        return f"{head} is over: {ended.outcome}.{why}"
    most = max(tally.marks) or 1
    bars = [
        f"{'**' if slot == ended.winner else ''}{letters((slot,))} {'▰' * round(_BAR * marks / most)} {marks}"
        f"{'**' if slot == ended.winner else ''}{_what(ended, choices, slot)}"
        for slot, marks in enumerate(tally.marks)
    ]
    lines = [f"{head}: **{letters((ended.winner,))}** goes on ({ended.outcome})", *bars]
    if names := [f"<@{ballot.member_id}>" for ballot in voters if ballot.picks]:
        lines.append(f"Decided by {_names(names)}")
    return "\n".join(lines)


def _what(ended: Round, choices: Sequence[Entry], slot: int) -> str:
    entry = next((entry for entry in choices if entry.place == slot), None)
    match parts(ended)[slot]:
        case Part.KEPT:
            return " · the last winner"
        case Part.NEW if entry is not None and entry.text:
            by = f" by <@{entry.member_id}>" if entry.member_id is not None else ""
            return f" · wild card “{echo(entry.text, 100)}”{by}"
        case Part.NEW:
            return " · drawn anew"
        case _:
            return ""


def final(ended: Round, members: Sequence[int], next_url: str) -> str:
    """Why it ends, the upscaled picture, and everybody who took part; or that another round follows."""
    why = ending(ended)
    if not why:
        return "The next round follows."
    lines = [] if ended.winner is None else [f"🏁 **It ends here**: {why}."]
    if ended.refusal and ended.winner is not None:
        lines.append(f"It is not upscaled: {refusal(error_codec.unpack(ended.refusal), ended.host.id)}")
    elif next_url:
        lines.append(f"[The upscaled picture]({next_url})")
    elif ended.winner is not None:
        lines.append("It is being upscaled.")
    if members:
        lines.append(f"Made by {len(members)}: {_names([f'<@{member}>' for member in members])}")
    return "\n".join(lines)


def whole(*texts: str) -> str:
    """Texts below each other, as much as fits."""
    return shorten("\n".join(filter(None, texts)), MESSAGE_LIMIT)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"


def _prompt(evolution: Evolution) -> str:
    return f"“{echo(render(evolution.spec.options), _ECHO)}”"
