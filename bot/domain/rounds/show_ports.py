"""Ports of shows: stores, announcer, and reads of pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.model import CellRef, Job, Value
from bot.domain.moderation.publicity import Line
from bot.domain.rounds.entry import Entry
from bot.domain.rounds.fame import Fame
from bot.domain.rounds.round import Ballot, Round
from bot.domain.rounds.show_plan import ShowPlan


class Found(Value):
    """A picture of a server that may be worth a show."""

    picture: CellRef
    stars: int


class ShowStore(Protocol):
    """Plans of shows, and entries that hang in shows under way. Each method is one transaction."""

    async def plan(self, guild_id: int) -> ShowPlan | None:
        """What a server has set up."""
        ...

    async def put(self, plan: ShowPlan) -> None:
        """Store a plan over the one that is there, as its next version."""
        ...

    async def note(self, guild_id: int, why: str) -> None:
        """Write down why the last show did not take place; "" when it did."""
        ...

    async def due(self, now: datetime) -> list[ShowPlan]:
        """Plans of this bot's servers whose time has come."""
        ...

    async def begin(self, new: Round, plan: ShowPlan | None = None, next_at: datetime | None = None) -> Round:
        """Open a show; where the server has one under way, that one is given back.

        With a `plan` its next time is written in the same transaction; raises `Fenced` when it has changed.
        """
        ...

    async def under_way(self, guild_id: int) -> Round | None:
        """The show of a server that is not over."""
        ...

    async def hung(self) -> list[tuple[Entry, bool]]:
        """What hangs, or was taken down and still shows, in shows that take votes; whether its picture may be shown."""
        ...

    async def of_maker(self, member_id: int) -> list[Entry]:
        """What hangs of a member in shows that are not over."""
        ...


class Candidates(Protocol):
    """Pictures of a server."""

    async def found(self, guild_id: int, since: datetime) -> Sequence[Found]:
        """Those made since then that no show has had: the most starred ones, and the newest without a star."""
        ...

    async def newcomers(self, guild_id: int, member_ids: Collection[int], before: datetime) -> Collection[int]:
        """Those of the members who had made nothing on this server before."""
        ...


class Lines(Protocol):
    """What decides whether pictures are public."""

    async def lines(self, job_ids: Collection[str], /) -> Mapping[str, Line]:
        """The line of each job that exists and can be read."""
        ...


class Hall(Protocol):
    """The hall of fame."""

    async def keep(self, new: Fame, picture: CellRef) -> bool:
        """Copy the picture and store the row; again is harmless. False where the picture is gone."""
        ...


class ShowAnnouncer(Protocol):
    """Posts shows and their outcomes; adds to `bot.domain.rounds.ports.Announcer`."""

    async def post(self, shown: Round) -> int:
        """As `Announcer.post`."""
        ...

    async def renew(self, shown: Round) -> None:
        """As `Announcer.renew`."""
        ...

    async def reveal(self, shown: Round, ballots: Sequence[Ballot]) -> int:
        """Write the outcome anew; its id. Again within some minutes it is the same one. Raises `DeliveryError`."""
        ...


class Makers(Protocol):
    """Finds the makers of the pictures that a picture was made from."""

    async def __call__(self, job: Job, /) -> Sequence[int]:
        """The other members, the nearest first."""
        ...
