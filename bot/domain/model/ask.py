"""A wish with who has it and where: what the studio is given."""

from __future__ import annotations

from bot.domain.model.member import Member
from bot.domain.model.place import Place, ReplyTo
from bot.domain.model.value import Value
from bot.domain.model.wish import JobSpec


class Ask(Value):
    """One wish, complete: who wants what, where, and where the answer goes."""

    spec: JobSpec
    member: Member
    place: Place
    reply: ReplyTo
    interaction_id: int
    """Unique: the same interaction delivered twice makes one job. Permutations and repeats add an `index`."""
    index: int = 0
    notify: bool = False
