"""Ports of games: store, announcer, jobs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.games.any_game import AnyGame
from bot.domain.model import Ask, Job, Member

GameT = TypeVar("GameT", bound=AnyGame)


class GameStore(Protocol):
    """Games under way and over. Each method is one transaction."""

    async def open(self, new: AnyGame) -> AnyGame:
        """Store it; where the channel has a game under way already, that one is given back."""
        ...

    async def get(self, game_id: str) -> AnyGame:
        """Raises `RoundNotFound`."""
        ...

    async def at_message(self, message_id: int) -> AnyGame | None:
        """The game whose newest message this is."""
        ...

    async def in_channel(self, channel_id: int) -> AnyGame | None:
        """The game under way in a channel."""
        ...

    async def change(self, before: AnyGame, after: GameT) -> GameT:
        """Compare-and-swap: `after` with the next version. Raises `Fenced` when the game has changed since `before`."""
        ...

    async def due(self, now: datetime) -> list[AnyGame]:
        """Games for which something is to be done, the oldest first."""
        ...


class GameAnnouncer(Protocol):
    """Shows games in their channels."""

    def changed(self, game_id: str) -> None:
        """Update the counter as soon as limits allow, from what is stored then; never blocks, never raises."""
        ...

    async def show(self, game: AnyGame) -> int | None:
        """Show this stage; again is harmless. The id of the message that shows it. Raises `DeliveryError`."""
        ...


class Draws(Protocol):
    """The job service, as games use it."""

    async def submit(self, ask: Ask) -> Job:
        """Accept a job. Raises `UserError`, `AlreadyAsked` among them, and `EngineError`; then nothing is charged."""
        ...

    async def cancel(self, job_id: str, by: Member) -> Job:
        """End a job. Raises `OwnersOnly` and `JobNotFound`."""
        ...


class SealedJobs(Protocol):
    """The job store, as games use it."""

    async def get(self, job_id: str) -> Job:
        """Raises `JobNotFound`."""
        ...

    async def unseal(self, job_ids: Collection[str]) -> None:
        """Make their words public; again is harmless."""
        ...
