"""`Order` and `Drawn`: a picture that a game asks for, and its result."""

from __future__ import annotations

from bot.domain.games.corpse import Shape
from bot.domain.model import Member, Value


class Order(Value):
    """A picture that a game needs."""

    index: int
    """Which one of this phase; with the message that announced the phase it makes the ask unique."""
    text: str
    member: Member
    """Who wrote the words: the picture is theirs, and counts on their quota."""
    job_id: str | None = None
    shape: Shape | None = None
    """Where it joins the picture before; None: it is a picture of its own."""
    after: str | None = None
    """The job of the picture that it joins; None: it is the first band."""


class Drawn(Value):
    """What became of an order: the picture's job, or why there is none."""

    index: int
    job_id: str | None = None
    why: str = ""
