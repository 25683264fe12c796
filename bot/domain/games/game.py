"""`Game`: what all games have in common: players, phases with a deadline, permissions. Pure values.

A press only adds to a phase; only time (`advance` of each game) leads to the next phase. A press that makes waiting
pointless brings the deadline to now. So two presses in one tick, a timer and a restart cannot each lead on.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Self

from bot.domain.games.phases import Phase
from bot.domain.games.player import Player
from bot.domain.model import Member, Place, Value
from bot.errors import NotInGame, OwnersOnly

LEAST_PLAYERS, MOST_PLAYERS = 3, 8
LINE_CHARS = 200
LOBBY_S, DRAW_S = 60.0, 600.0


class Game(Value):
    """One game. It is stored whole; each change is a compare-and-swap on `version`."""

    id: str
    version: int = 0
    phase: Phase = Phase.LOBBY
    stage: int = 0
    """How many phases were entered before this one."""
    shown: int = -1
    """The newest stage that Discord shows."""
    message_id: int | None = None
    """The message of that stage."""
    host: Member
    place: Place
    players: tuple[Player, ...] = ()
    closes_at: datetime
    length_s: float = LOBBY_S
    """How many seconds the phase lasts, counted from when members can see it."""
    is_extended: bool = False
    left_s: float | None = None
    """Paused by a moderator: how many seconds of the phase are left."""
    why: str = ""
    """In words for everybody: why the last phase ended otherwise than it should."""
    tries: int = 0
    seed: int
    created_at: datetime

    @property
    def guild_id(self) -> int:
        """The server; games are played nowhere else."""
        return self.place.guild_id or 0

    @property
    def channel_id(self) -> int:
        """The channel or thread."""
        return self.place.channel_id

    @property
    def is_paused(self) -> bool:
        """Whether a moderator holds it."""
        return self.left_s is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen any more."""
        return self.phase is Phase.OVER

    @property
    def active(self) -> tuple[Player, ...]:
        """Who still plays."""
        return tuple(player for player in self.players if not player.is_out)

    @property
    def due_at(self) -> datetime | None:
        """When something is to be done: at once while a message or a picture is owed; None: by itself never."""
        if self.shown < self.stage or (self.phase is Phase.DRAW and not self.is_paused):
            return self.created_at
        return None if self.is_over or self.is_paused else self.closes_at

    def player(self, member_id: int) -> Player:
        """Raises `NotInGame`."""
        for player in self.active:
            if player.id == member_id:
                return player
        raise NotInGame("You are not in this game. Join the next one.")

    def require(self, phase: Phase, stage: int | None = None) -> None:
        """Raise `NotInGame` unless the game is there and open."""
        if self.is_paused:
            raise NotInGame("A moderator has paused this game.")
        if self.phase is not phase or (stage is not None and stage != self.stage):
            raise NotInGame("The game has moved on.")

    def joined(self, member: Member) -> Self:
        """With one more player; who is in already stays in. Raises `NotInGame`."""
        self.require(Phase.LOBBY)
        if any(player.id == member.id for player in self.players):
            return self
        if len(self.players) >= MOST_PLAYERS:
            raise NotInGame(f"{MOST_PLAYERS} play already: there is no place left.")
        return self.model_copy(update={"players": (*self.players, Player(member=member))})

    def left(self, member: Member) -> Self:
        """Without this player. Raises `NotInGame`."""
        self.require(Phase.LOBBY)
        return self.model_copy(update={"players": tuple(each for each in self.players if each.id != member.id)})

    def started(self, by: Member, now: datetime) -> Self:
        """With the lobby closed. Raises `OwnersOnly` and `NotInGame`."""
        self.require(Phase.LOBBY)
        self.require_host(by)
        if len(self.active) < LEAST_PLAYERS:
            raise NotInGame(f"{len(self.active)} have joined; {LEAST_PLAYERS} are needed.")
        return self.hurried(now)

    def next(self, by: Member, stage: int, now: datetime) -> Self:
        """Look at the next thing. Raises `NotInGame`."""
        self.require(self.phase if self.phase in (Phase.REVEAL, Phase.SHOW) else Phase.SHOW, stage)
        self.player(by.id)
        return self.hurried(now)

    def seen(self, message_id: int | None, now: datetime) -> Self:
        """Shown in that message; from now on the time of the phase runs."""
        until = now + timedelta(seconds=self.length_s)
        return self.model_copy(update={"shown": self.stage, "message_id": message_id, "closes_at": until, "tries": 0})

    def hurried(self, now: datetime) -> Self:
        """With the deadline now."""
        return self.model_copy(update={"closes_at": min(now, self.closes_at)})

    def stopped(self, why: str, now: datetime) -> Self:
        """Over, with a reason that everybody can read."""
        return self if self.is_over else self.to(Phase.OVER, now, 0.0, why=why)

    def paused(self, now: datetime) -> Self:
        """Held where it is."""
        if self.is_over or self.is_paused:
            return self
        return self.model_copy(update={"left_s": max(0.0, (self.closes_at - now).total_seconds())})

    def resumed(self, now: datetime) -> Self:
        """On with the time that was left."""
        if self.left_s is None:
            return self
        return self.model_copy(update={"left_s": None, "closes_at": now + timedelta(seconds=max(20.0, self.left_s))})

    def require_host(self, by: Member) -> None:
        """Raise `OwnersOnly` unless it is the host or a moderator here."""
        if by.id != self.host.id and not (by.is_moderator and by.guild_id == self.guild_id):
            raise OwnersOnly(self.host.id)

    def to(self, phase: Phase, now: datetime, seconds: float, **more: Any) -> Self:
        """In another phase, for so long."""
        update = {"phase": phase, "stage": self.stage + 1, "length_s": seconds, "why": "", "tries": 0}
        update |= {"closes_at": now + timedelta(seconds=seconds), "is_extended": False, "left_s": None}
        return self.model_copy(update=update | more)

    def scored(self, points: dict[int, int]) -> Self:
        """With these points added."""
        players = tuple(each.model_copy(update={"score": each.score + points.get(each.id, 0)}) for each in self.players)
        return self.model_copy(update={"players": players})

    def outside(self, members: Collection[int]) -> Self:
        """Without these members from now on."""
        players = tuple(
            each.model_copy(update={"is_out": True}) if each.id in members else each for each in self.players
        )
        return self if players == self.players else self.model_copy(update={"players": players})
