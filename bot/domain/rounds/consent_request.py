"""A consent request: the job that waits for an owner's yes, and the owners who have said yes already. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.model import Ask, CellRef, JobSpec, Value
from bot.domain.moderation.consents import Needed
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.round import Round, RoundAct, RoundKind, RoundState

ASKS_FOR = timedelta(hours=24)
"""So long an owner has to answer, and so long nobody asks the same owner again."""
YES = (RoundAct.ONCE, RoundAct.ALWAYS)


class ConsentRequest(Value):
    """`Round.settings` of `RoundKind.CONSENT`; "" instead once the round is over."""

    ask: Ask
    agreed: tuple[int, ...] = ()
    """The other owners who have said yes to this."""


def request_of(current: Round) -> ConsentRequest:
    """What waits in this round."""
    return ConsentRequest.model_validate_json(current.settings)


def asking(request: ConsentRequest, needed: Needed, now: datetime, unique: str) -> tuple[Round, Entry]:
    """The round that asks one owner, and its entry; it is posted at once."""
    ask, round_id = request.ask, hashlib.sha256(unique.encode()).hexdigest()[:16]
    new = Round(
        id=round_id, kind=RoundKind.CONSENT, state=RoundState.DRAWING, host=ask.member, place=ask.place,
        settings=request.model_dump_json(), slots=0, seed=0, due_at=now, duration_s=ASKS_FOR.total_seconds(),
        created_at=now,
    )  # fmt: skip
    picture = CellRef(job_id=needed.job_id, cell=_cell(ask.spec, needed.job_id)) if needed.job_id else None
    entry = Entry(
        round_id=round_id, role=EntryRole.ASKED, place=0, member_id=needed.owner_id, picture=picture, entered_at=now
    )
    return new, entry


def _cell(spec: JobSpec, job_id: str) -> int:
    pictures = (spec.source, spec.origin, *spec.also)
    return next((one.cell for one in pictures if one is not None and one.job_id == job_id), 0)


def owner_of(entries: Sequence[Entry]) -> Entry | None:
    """Who is asked; None after they deleted everything that is stored about them."""
    return next((entry for entry in entries if entry.role is EntryRole.ASKED and entry.member_id is not None), None)


def outcome(entry: Entry | None) -> str:
    """The end in words for everybody."""
    if entry is None:
        return "nobody is left to ask"
    return {RoundAct.ONCE: "yes", RoundAct.ALWAYS: "always", RoundAct.NO: "no"}.get(
        RoundAct(entry.text) if entry.text else RoundAct.CANCEL, "no answer came"
    )
