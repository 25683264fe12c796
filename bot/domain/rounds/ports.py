"""Ports of rounds: stores, announcers, and the players of each kind of round."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.model import Job
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.round import Ballot, Round, RoundKind, RoundState


class RoundStore(Protocol):
    """Rounds and ballots. Each method is one transaction."""

    async def open(self, new: Round) -> Round:
        """Store it; one with the same id, or an open or paused one on the same job, is given back instead."""
        ...

    async def get(self, round_id: str) -> Round:
        """Raises `RoundNotFound`."""
        ...

    async def change(
        self,
        before: Round,
        *,
        void: Collection[int] = (),
        entries: Sequence[Entry] = (),
        following: Round | None = None,
        **values: object,
    ) -> Round:
        """Compare-and-swap: the round with these values and the next version. Raises `Fenced` when it has changed.

        In the same transaction the ballots of the members in `void` are deleted, the round `following` is opened, and
        `entries` are written, of any round, over what stands at their places.
        """
        ...

    async def at_message(self, message_id: int) -> Round | None:
        """The round of a ballot paper."""
        ...

    async def toggle(self, round_id: str, member_id: int, slot: int, now: datetime) -> Ballot | None:
        """Set or take away a member's mark; None when the round takes no ballots any more."""
        ...

    async def ballots(self, round_id: str) -> list[Ballot]:
        """All ballots, those without a mark too."""
        ...

    async def due(self, now: datetime) -> list[Round]:
        """Rounds that are not over and whose time has come, the oldest first."""
        ...

    async def game(self, game_id: str) -> list[Round]:
        """All rounds of a game in their order."""
        ...

    async def hosted(self, host_id: int, kind: RoundKind, since: datetime) -> list[Round]:
        """The rounds of a kind that a member began since then."""
        ...

    async def before(self, job_id: str, limit: int) -> list[Round]:
        """The chain of rounds that led to a job: each round's winner became the next one's job. Oldest first."""
        ...


class EntryStore(Protocol):
    """Entries of rounds. Each method is one transaction."""

    async def of(self, *round_ids: str, role: EntryRole | None = None) -> list[Entry]:
        """The entries of rounds, by role and place; those of one role where it is given."""
        ...

    async def enter(self, new: Entry, during: Collection[RoundState]) -> Entry | None:
        """Bring something into a round; None when it is in none of these states any more.

        The place is counted: the author's open entry of this role is replaced, else the next place is taken.
        """
        ...

    async def change(self, before: Entry, **values: object) -> Entry | None:
        """Change an entry that still has the state of `before`; None when it has another by now."""
        ...


class Play(Protocol):
    """One kind of round, as time moves it on."""

    async def advance(self, current: Round, began: datetime) -> None:
        """Do the next step that is due. Each step is idempotent, so that a kill between two steps does no harm.

        `began`: when this process did. Raises `DeliveryLater` to be called again later, `Fenced` when the round
        changed meanwhile, and `RoundNotFound` or `JobNotFound` when it is gone.
        """
        ...


class Presence(Protocol):
    """Who is expected to vote."""

    async def __call__(self, guild_id: int, channel_id: int, since: datetime) -> Collection[int]:
        """Members who asked for pictures in this channel since then."""
        ...


class Reader(Protocol):
    """A round as it is now."""

    async def __call__(self, round_id: str, /) -> tuple[Round, int]:
        """The round, and how many members have voted. Raises `RoundNotFound`."""
        ...


class Announcer(Protocol):
    """Shows rounds in their channels."""

    def changed(self, round_id: str, read: Reader) -> None:
        """Update the ballot paper as soon as limits allow, from what is read then; never blocks, never raises."""
        ...

    async def post(self, shown: Round) -> int:
        """Write the round's message; its id. Again within some minutes it is the same one. Raises `DeliveryError`."""
        ...

    async def renew(self, shown: Round) -> None:
        """Show the round as it is now, with its files. Raises `DeliveryError`."""
        ...

    async def ended(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> int | None:
        """Turn the ballot paper into the outcome; idempotent. The id of the message that shows it.

        Raises `DeliveryError`.
        """
        ...


class FollowUp(Protocol):
    """Submits the job that follows from a winner."""

    async def __call__(self, decided: Round) -> Job:
        """Vary the winning cell on the host's quota; again is harmless. Raises `UserError` and `EngineError`."""
        ...
