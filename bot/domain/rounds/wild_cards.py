"""Wild cards of `/evolve`: members' own lines, how they are kept, and whose are drawn next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bot.domain.model import Options
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.round import Ballot, Round
from bot.errors import BadOption

LONGEST_LINE = 100


def with_line(options: Options, line: str) -> Options:
    """The options with a member's line behind the words."""
    parts_too = {"parts": (*options.parts, (line, 1.0))} if options.parts else {}
    return options.model_copy(update={"prompt": f"{options.prompt}, {line}", **parts_too})


def one_line(text: str) -> str:
    """A wild card as it is kept. Raises `BadOption` for flags, and for what is no line."""
    line = " ".join(text.split())
    if not line or len(line) > LONGEST_LINE:
        raise BadOption("wild card", f"one line of 1 to {LONGEST_LINE} characters, such as: make it rain")
    if "--" in line or "::" in line or not {"{", "}"}.isdisjoint(line):
        raise BadOption("wild card", "words only, without --flags, :: and {…}")
    return line


def next_lines(
    most: int,
    lines: Iterable[Entry],
    banned: Iterable[int],
    rounds: Iterable[tuple[Round, Sequence[Ballot]]],
) -> list[Entry]:
    """The next wild cards, at most so many: of who had the fewest used, whose votes won least often, the earliest."""
    lines, won = list(lines), Counter[int]()
    for each, ballots in rounds:
        won.update(ballot.member_id for ballot in ballots if each.winner in ballot.picks)
    used = Counter(line.member_id for line in lines if line.state is EntryState.USED)
    out = set(banned)
    waiting = [
        line
        for line in lines
        if line.state is EntryState.OPEN and line.member_id is not None and line.member_id not in out
    ]
    waiting.sort(key=lambda line: (used[line.member_id], won[line.member_id or 0], line.entered_at, line.place))
    return waiting[:most]
