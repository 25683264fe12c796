"""What one `/evolve` agrees on, what each of its rounds puts to the vote, and when it ends. Pure."""

from __future__ import annotations

import enum
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.domain.model import Job, JobSpec, Options, Value, Verb
from bot.domain.prompting.derivation import derive
from bot.domain.quotas.quota import pictures
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.round import Ballot, Round
from bot.errors import BadOption
from engine import MAX_SEED

STRENGTHS = (0.9, 0.75, 0.6)
"""`strength` of the variations after the first, the second and every later round."""
WILD_STRENGTH = 1.0
"""`strength` of a wild card: the winner's words with a member's line are drawn anew."""
CONTENT_AFTER = 2
"""It ends when the last winner was kept so often in a row."""
LONGEST_LINE = 100
MOST_ROUNDS = 6


class Part(enum.Enum):
    """What one place of a grid holds."""

    FIRST = "first"
    """One of the first grid."""
    KEPT = "kept"
    """The last winner, unchanged."""
    VARIED = "varied"
    NEW = "new"
    """A member's wild card, or without one the same words from another seed."""


_LATER = (Part.KEPT, Part.VARIED, Part.VARIED, Part.NEW)


class Evolution(Value):
    """What was agreed before the first round."""

    rounds: int
    """The most rounds there are."""
    spec: JobSpec
    """The first grid."""
    kept: int = 0
    """How often in a row the last winner was kept before this round."""

    @property
    def pictures(self) -> int:
        """What it costs at most: the first grid, three pictures in each later round, and the upscale."""
        later = (len(_LATER) - 1) * (self.rounds - 1)
        return pictures(self.spec.verb, self.spec.count) + later + pictures(Verb.UPSCALE_SUBTLE, 1)


def agreed(current: Round) -> Evolution:
    """What the round's game agreed on."""
    return Evolution.model_validate_json(current.settings)


def parts(current: Round) -> tuple[Part, ...]:
    """What each place holds; shuffled by the round's seed, so that no place tells."""
    if current.number == 1:
        return (Part.FIRST,) * current.slots
    return tuple(random.Random(f"places {current.seed}").sample(_LATER, len(_LATER)))  # noqa: S311 - no secret


def is_kept(current: Round, slot: int | None) -> bool:
    """Whether the last winner stands at this place."""
    return slot is not None and parts(current)[slot] is Part.KEPT


def following(decided: Round, choices: Sequence[Entry], line: Entry | None, now: datetime) -> tuple[Round, list[Entry]]:
    """The next round, and its entries: the winner at its place, and open places for what is drawn.

    `line` is the wild card that is used.
    """
    round_id = hashlib.sha256(f"{decided.id} {decided.number}".encode()).hexdigest()[:16]
    fresh = {"state": "drawing", "version": 0, "message_id": None, "is_extended": False, "winner": None, "tries": 0}
    fresh |= {"outcome": "", "next_job_id": None, "refusal": "", "slots": len(_LATER), "resumes": ""}
    kept = is_kept(decided, decided.winner) and agreed(decided).kept + 1
    fresh |= {"settings": agreed(decided).model_copy(update={"kept": int(kept)}).model_dump_json()}
    seed = random.Random(f"round {decided.seed}").randrange(MAX_SEED + 1)  # noqa: S311 - a seed
    numbered = {"id": round_id, "number": decided.number + 1, "seed": seed, "due_at": now, "created_at": now}
    new = Round.model_validate({**decided.model_dump(), **fresh, **numbered})
    winner = next(entry for entry in choices if entry.place == decided.winner)
    entries = [_entry(new, place, part, winner, line) for place, part in enumerate(parts(new))]
    used = [] if line is None else [line.model_copy(update={"state": EntryState.USED})]
    return new, [*entries, *used]


def _entry(new: Round, place: int, part: Part, winner: Entry, line: Entry | None) -> Entry:
    blank = Entry(round_id=new.id, role=winner.role, place=place, entered_at=new.created_at)
    if part is Part.KEPT:
        return blank.model_copy(update={"picture": winner.picture})
    if part is Part.NEW and line is not None:
        return blank.model_copy(update={"member_id": line.member_id, "text": line.text})
    return blank


def specs(current: Round, parent: Job, cell: int, line: str) -> Mapping[Part, JobSpec]:
    """The jobs that draw the open places of a later round, from a cell of `parent`."""
    strength = STRENGTHS[min(current.number - 2, len(STRENGTHS) - 1)]
    own = parent.spec.options
    varied = derive(
        parent,
        Verb.VARY_STRONG,
        cell,
        seed=current.seed,
        options=own.model_copy(update={"strength": strength}),
        count=2,
    )
    changed = with_line(own, line) if line else own
    new = derive(
        parent, Verb.VARY_STRONG, cell, seed=current.seed + 1000, count=1,
        options=changed.model_copy(update={"strength": WILD_STRENGTH}),
    )  # fmt: skip
    return {Part.VARIED: varied, Part.NEW: new}


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


def next_line(
    lines: Iterable[Entry], banned: Iterable[int], rounds: Iterable[tuple[Round, Sequence[Ballot]]]
) -> Entry | None:
    """Whose wild card is next: of who had the fewest used, whose votes won least often, the earliest."""
    lines, won = list(lines), Counter[int]()
    for decided, ballots in rounds:
        won.update(ballot.member_id for ballot in ballots if decided.winner in ballot.picks)
    used = Counter(line.member_id for line in lines if line.state is EntryState.USED)
    out = set(banned)
    waiting = [
        line
        for line in lines
        if line.state is EntryState.OPEN and line.member_id is not None and line.member_id not in out
    ]
    return min(
        waiting,
        key=lambda line: (used[line.member_id], won[line.member_id or 0], line.entered_at, line.place),
        default=None,
    )


def ending(decided: Round) -> str:
    """Why no round follows, in words for everybody; "" when one does."""
    if decided.winner is None:
        return decided.outcome
    if is_kept(decided, decided.winner) and agreed(decided).kept + 1 >= CONTENT_AFTER:
        return "the last winner was kept twice, the group is content"
    if decided.number >= agreed(decided).rounds:
        return "this was the last round"
    return ""
