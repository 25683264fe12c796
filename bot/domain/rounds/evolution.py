"""The plan of one `/evolve`: its cost, the pictures of each round, and when it ends. Pure."""

from __future__ import annotations

import enum
import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.model import Job, JobSpec, Value, Verb
from bot.domain.prompting.derivation import derive
from bot.domain.quotas.quota import pictures
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.round import Round
from bot.domain.rounds.wild_cards import with_line
from engine import MAX_SEED

STRENGTHS = (0.9, 0.75, 0.6)
"""`strength` of the variations after the first, the second and every later round."""
WILD_STRENGTH = 1.0
"""`strength` of a wild card: the winner's words with a member's line are drawn anew."""
MOST_LINES, LAST_LINES = 3, 1
"""How many wild cards a round draws at most, and how many the last one: `tests/bench/evolve_votes.py` compares that
with other ways."""
CONTENT_AFTER = 2
"""It ends when the last winner was kept so often in a row."""
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


_LATER = 4
"""Places of a later round: the last winner, and three that are drawn."""


class Evolution(Value):
    """What was agreed before the first round."""

    rounds: int
    """The most rounds there are."""
    spec: JobSpec
    """The first grid."""
    kept: int = 0
    """How often in a row the last winner was kept before this round."""
    new: int = 1
    """How many places of this round are drawn anew, all but one of them with a member's line; the others vary."""

    @property
    def pictures(self) -> int:
        """Its cost in pictures, at most: the first grid, three in each later round, and the upscale."""
        later = (_LATER - 1) * (self.rounds - 1)
        return pictures(self.spec.verb, self.spec.count) + later + pictures(Verb.UPSCALE_SUBTLE, 1)


def agreed(current: Round) -> Evolution:
    """What the round's game agreed on."""
    return Evolution.model_validate_json(current.settings)


def parts(current: Round) -> tuple[Part, ...]:
    """What each place holds; shuffled by the round's seed, so that no place tells."""
    if current.number == 1:
        return (Part.FIRST,) * current.slots
    new = agreed(current).new
    later = (Part.KEPT, *(Part.VARIED,) * (_LATER - 1 - new), *(Part.NEW,) * new)
    return tuple(random.Random(f"places {current.seed}").sample(later, len(later)))  # noqa: S311 - no secret


def is_kept(current: Round, slot: int | None) -> bool:
    """Whether the last winner stands at this place."""
    return slot is not None and parts(current)[slot] is Part.KEPT


def following(
    decided: Round, choices: Sequence[Entry], lines: Sequence[Entry], now: datetime
) -> tuple[Round, list[Entry]]:
    """The next round, and its entries: the winner at its place, and open places for what is drawn.

    `lines` are the wild cards that are used.
    """
    round_id = hashlib.sha256(f"{decided.id} {decided.number}".encode()).hexdigest()[:16]
    fresh = {"state": "drawing", "version": 0, "message_id": None, "is_extended": False, "winner": None, "tries": 0}
    fresh |= {"outcome": "", "next_job_id": None, "refusal": "", "slots": _LATER, "resumes": ""}
    kept = is_kept(decided, decided.winner) and agreed(decided).kept + 1
    settings = {"kept": int(kept), "new": max(1, len(lines))}
    fresh |= {"settings": agreed(decided).model_copy(update=settings).model_dump_json()}
    seed = random.Random(f"round {decided.seed}").randrange(MAX_SEED + 1)  # noqa: S311 - a seed
    numbered = {"id": round_id, "number": decided.number + 1, "seed": seed, "due_at": now, "created_at": now}
    new = Round.model_validate({**decided.model_dump(), **fresh, **numbered})
    winner = next(entry for entry in choices if entry.place == decided.winner)
    left = iter(lines)
    entries = [_entry(new, place, part, winner, left) for place, part in enumerate(parts(new))]
    return new, [*entries, *(line.model_copy(update={"state": EntryState.USED}) for line in lines)]


def _entry(new: Round, place: int, part: Part, winner: Entry, lines: Iterator[Entry]) -> Entry:
    blank = Entry(round_id=new.id, role=winner.role, place=place, entered_at=new.created_at)
    if part is Part.KEPT:
        return blank.model_copy(update={"picture": winner.picture})
    if part is Part.NEW and (line := next(lines, None)) is not None:
        return blank.model_copy(update={"member_id": line.member_id, "text": line.text})
    return blank


class Batch(Value):
    """Places of a round that one job draws."""

    places: tuple[int, ...]
    spec: JobSpec
    line: str = ""
    """The member's line that is in its words."""
    number: int = 0
    """Of those that draw anew, which one."""
    index: int = 0
    """Of the round's jobs, which one."""


UPSCALE_INDEX = 2
_NEW_INDEX = (1, 3, 4)


def batches(current: Round, choices: Sequence[Entry], parent: Job | None, cell: int) -> list[Batch]:
    """The jobs that draw a round, all but the first from a cell of `parent`."""
    if parent is None:
        return [Batch(places=tuple(range(current.slots)), spec=agreed(current).spec)]
    held, own = parts(current), parent.spec.options
    strength = STRENGTHS[min(current.number - 2, len(STRENGTHS) - 1)]
    varied = tuple(place for place, part in enumerate(held) if part is Part.VARIED)
    options = own.model_copy(update={"strength": strength})
    softly = derive(parent, Verb.VARY_STRONG, cell, seed=current.seed, options=options, count=len(varied))
    drawn = [Batch(places=varied, spec=softly)] if varied else []
    lines = {entry.place: entry.text for entry in choices if held[entry.place] is Part.NEW}
    for number, (place, line) in enumerate(sorted(lines.items())):
        spec = anew(current, parent, cell, line, number)
        drawn.append(Batch(places=(place,), spec=spec, line=line, number=number, index=_NEW_INDEX[number]))
    return drawn


def anew(current: Round, parent: Job, cell: int, line: str, number: int) -> JobSpec:
    """One place drawn anew, with a member's line behind the words where there is one."""
    options = with_line(parent.spec.options, line) if line else parent.spec.options
    options = options.model_copy(update={"strength": WILD_STRENGTH})
    return derive(parent, Verb.VARY_STRONG, cell, seed=current.seed + 1000 + number, count=1, options=options)


def most_lines(decided: Round) -> int:
    """How many wild cards the round after this one draws at most."""
    return LAST_LINES if decided.number + 1 >= agreed(decided).rounds else MOST_LINES


def ending(decided: Round) -> str:
    """Why no round follows, in words for everybody; "" when one does."""
    if decided.winner is None:
        return decided.outcome
    if is_kept(decided, decided.winner) and agreed(decided).kept + 1 >= CONTENT_AFTER:
        return "the last winner was kept twice, the group is content"
    if decided.number >= agreed(decided).rounds:
        return "this was the last round"
    return ""
