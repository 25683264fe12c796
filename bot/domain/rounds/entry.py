"""An entry: a picture or a line of text that somebody, or the bot, brings into a round."""

from __future__ import annotations

import enum
from datetime import datetime

from bot.domain.model import CellRef, Value


class EntryRole(enum.StrEnum):
    """What an entry is in its round. The values stand in the database: never change one."""

    CHOICE = "choice"
    """A picture to vote on; `Entry.place` is the slot of ballots."""
    WILD = "wild"
    """A member's line that waits to change the next round's winner."""
    ASKED = "asked"
    """The owner of a picture (`Entry.member_id`) who is asked for it (`Entry.picture`, None: their upload).

    `Entry.text` is their answer: a `RoundAct` or "".
    """


class EntryState(enum.StrEnum):
    """open → used, or void. The values stand in the database: never change one."""

    OPEN = "open"
    USED = "used"
    """It went into the game and cannot be replaced any more."""
    VOID = "void"
    """A moderator, a rule or its author took it out: it is neither shown nor counted."""


class Entry(Value):
    """One row of the table `entries`; (`round_id`, `role`, `place`) is unique."""

    round_id: str
    role: EntryRole
    place: int
    """Counts from 0 within the role."""
    state: EntryState = EntryState.OPEN
    member_id: int | None = None
    """Who brought it; None for what is the bot's own, and after its author deleted everything."""
    text: str = ""
    picture: CellRef | None = None
    is_secret: bool = False
    """Whether nobody but its author may see it before the round is over.

    In a show: whose it is; where it was taken out, its message may still show the picture.
    """
    entered_at: datetime
