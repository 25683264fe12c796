"""`Round` and `Ballot`: stored values, with the states that a round goes through."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from bot.domain.model import Member, Place, Value


class RoundKind(enum.StrEnum):
    """What is played. The values stand in the database: never change one."""

    DECIDE = "decide"
    """An approval vote on the cells of one grid; the winner is varied."""
    EVOLVE = "evolve"
    """One of several votes: the winner, members' wild cards and variations stand against each other next."""
    CONSENT = "consent"
    """No vote: the owner of a picture is asked whether somebody may make something of it."""
    SHOW = "show"
    """An approval vote on pictures of the last weeks, whose makers are told at the end."""


class RoundState(enum.StrEnum):
    """(planned → drawing →) open → decided → ended. A round changes its state by compare-and-swap on its version."""

    PLANNED = "planned"
    """What it costs is shown, and waits to be agreed to until `Round.due_at`."""
    DRAWING = "drawing"
    """What is voted on is being made; `Round.due_at` is when to look again."""
    OPEN = "open"
    """Ballots are taken until `Round.due_at`."""
    DECIDED = "decided"
    """The outcome is fixed; what follows from it is owed, and tried again from `Round.due_at` on."""
    ENDED = "ended"
    PAUSED = "paused"
    """By a moderator, who lets it go on with the state `Round.resumes`; at `Round.due_at` it ends."""


class RoundAct(enum.StrEnum):
    """What pressing a round's button does. The values stand in messages that are years old: never change one."""

    VOTE = "v"
    CLOSE = "c"
    CANCEL = "x"
    START = "s"
    """Agree to what it costs."""
    WILD = "w"
    """Hand in a wild card: a line that changes the next round's winner."""
    ONCE = "o"
    """Let whoever asked make this one thing."""
    ALWAYS = "a"
    """Let whoever asked make what they like, from now on."""
    NO = "n"


class Round(Value):
    """One round. `slots` counts what can be voted for, `winner` is one of them or None."""

    id: str
    kind: RoundKind = RoundKind.DECIDE
    state: RoundState = RoundState.OPEN
    version: int = 0
    host: Member
    """Who began the round, as they were then; their quota pays for what follows from it."""
    place: Place
    """The channel of the ballot paper."""
    job_id: str = ""
    """The job whose cells are voted on; "" while there is none, or where the round's entries name the pictures."""
    game_id: str = ""
    """The id of the game's first round, in that round too; "" for a round by itself."""
    number: int = 1
    """Counts the rounds of a game."""
    settings: str = ""
    """What was agreed at the start of a game: JSON of a value that the kind of round defines."""
    resumes: str = ""
    """While it is paused: the `RoundState` to go on with."""
    slots: int
    seed: int
    """Drawn before the first ballot; orders slots with equally many votes, see `bot.domain.rounds.ballots.dice`."""
    message_id: int | None = None
    """The ballot paper, once it is posted."""
    due_at: datetime
    """Open: when ballots are counted. Decided: when the follow-up is tried next."""
    duration_s: float
    is_extended: bool = False
    winner: int | None = None
    outcome: str = ""
    """In words for everybody: while open, why there is more time; then why the round ended as it did."""
    tries: int = 0
    next_job_id: str | None = None
    """The job that was made from the winner; "" when nothing follows."""
    refusal: str = ""
    """Why nothing follows though there is a winner: an error packed by `bot.domain.jobs.error_codec`."""
    created_at: datetime

    @property
    def guild_id(self) -> int:
        """The server; rounds are played nowhere else."""
        return self.place.guild_id or 0

    @property
    def channel_id(self) -> int:
        """The channel or thread."""
        return self.place.channel_id

    @property
    def duration(self) -> timedelta:
        """How long ballots are taken, without an extension."""
        return timedelta(seconds=self.duration_s)


def last_settings(current: Round) -> str:
    """`Round.settings` once it has ended: what a question was about is not kept any longer than it waits."""
    return "" if current.kind is RoundKind.CONSENT else current.settings


class Ballot(Value):
    """The slots one member approves of: any number of them, each once, in ascending order."""

    member_id: int
    picks: tuple[int, ...] = ()

    def toggled(self, slot: int) -> Ballot:
        """The ballot with this slot's mark set or taken away."""
        picks = set(self.picks) ^ {slot}
        return self.model_copy(update={"picks": tuple(sorted(picks))})
