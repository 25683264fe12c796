"""Bluff: one member's secret prompt becomes a picture, the others invent prompts for it, and all guess the true one.

LOBBY → TELL → DRAW → FAKE → VOTE → REVEAL → (TELL | OVER). Pure.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from bot.domain.games.bluff_points import points
from bot.domain.games.bluff_turn import Turn, turn_without
from bot.domain.games.captions import captions
from bot.domain.games.deals import dealt
from bot.domain.games.game import DRAW_S, LEAST_PLAYERS, Game
from bot.domain.games.orders import Drawn, Order
from bot.domain.games.phases import GameKind, Phase
from bot.errors import NotInGame

TELL_S, FAKE_S, VOTE_S, REVEAL_S = 60.0, 60.0, 40.0, 20.0
MOST_IDLE = 2


class Bluff(Game):
    """A game of Bluff."""

    kind: Literal[GameKind.BLUFF] = GameKind.BLUFF
    turns: int | None = None
    """How many secrets are told; None: one for each player."""
    turn: Turn | None = None
    done: tuple[Turn, ...] = ()
    idle: int = 0
    """How many turns in a row nobody took part in."""

    @property
    def now_on(self) -> Turn:
        """The turn under way. Raises `NotInGame`."""
        if self.turn is None:
            raise NotInGame("The game has moved on.")
        return self.turn

    @property
    def guessers(self) -> tuple[int, ...]:
        """Who does not know the secret."""
        return tuple(player.id for player in self.active if self.turn is None or player.id != self.turn.teller)

    @property
    def pictures(self) -> tuple[str, ...]:
        """The jobs of all turns, the newest last."""
        turns = (*self.done, *((self.turn,) if self.turn is not None and self.turn not in self.done else ()))
        return tuple(turn.job_id for turn in turns if turn.job_id)

    @property
    def revealed(self) -> tuple[str, ...]:
        """The jobs whose words are a secret no more."""
        return self.pictures if self.phase in (Phase.REVEAL, Phase.OVER) else ()

    def told(self, member_id: int, text: str, now: datetime) -> Self:
        """The teller's secret. Raises `NotInGame`."""
        self.require(Phase.TELL)
        if self.now_on.teller != member_id:
            raise NotInGame(f"It is the turn of <@{self.now_on.teller}>.")
        return self._turned(secret=text).hurried(now)

    def deal(self) -> str:
        """The words the bot deals in this turn."""
        return dealt(self.seed, self.now_on.number, [turn.secret for turn in self.done])

    def faked(self, member_id: int, text: str, now: datetime) -> Self:
        """A guesser's fake, which replaces an earlier one. Raises `NotInGame`."""
        self.require(Phase.FAKE)
        self._guesser(member_id)
        game = self._turned(fakes={**self.now_on.fakes, member_id: text})
        return game.hurried(now) if game.now_on.fakes.keys() >= set(self.guessers) else game

    def voted(self, member_id: int, place: int, now: datetime) -> Self:
        """A guess, which replaces an earlier one. Raises `NotInGame`."""
        self.require(Phase.VOTE)
        self._guesser(member_id)
        found = self.now_on.captions[place] if 0 <= place < len(self.now_on.captions) else None
        if found is None or found.is_void:
            raise NotInGame("That one is not there any more.")
        if member_id in found.authors:
            raise NotInGame("That one is your own: guess another.")
        game = self._turned(votes={**self.now_on.votes, member_id: place})
        return game.hurried(now) if game.now_on.votes.keys() >= set(self.guessers) else game

    def voided(self, number: int, now: datetime) -> Self:
        """Caption `number`, from 1, taken away by a moderator; the true one ends the turn. Raises `NotInGame`."""
        self.require(Phase.VOTE)
        turn, place = self.now_on, number - 1
        if not 0 <= place < len(turn.captions):
            raise NotInGame("There is no such entry.")
        if turn.captions[place].is_true:
            return self._next(now, "A moderator took the secret away; this turn does not count.")
        taken = turn.captions[place].model_copy(update={"is_void": True, "text": ""})
        votes = {member: vote for member, vote in turn.votes.items() if vote != place}
        return self._turned(captions=(*turn.captions[:place], taken, *turn.captions[place + 1 :]), votes=votes)

    def orders(self) -> list[Order]:
        """The picture of the secret."""
        teller = next((player.member for player in self.players if player.id == self.now_on.teller), self.host)
        return [Order(index=0, text=self.now_on.secret, member=teller, job_id=self.now_on.job_id)]

    def ordered(self, jobs: Mapping[int, str]) -> Self:
        """With the job that draws it."""
        return self._turned(job_id=jobs.get(0, self.now_on.job_id))

    def drawn(self, results: Sequence[Drawn], now: datetime) -> Self:
        """The picture is there, or the turn is over without it."""
        if results[0].job_id is None:
            return self._next(now, f"There is no picture this time: {results[0].why}")
        return self._turned(job_id=results[0].job_id).to(Phase.FAKE, now, FAKE_S)

    def advance(self, now: datetime, groups: Sequence[Sequence[int]] = ()) -> Self:
        """Time is up: the next phase. `groups`: the members whose fakes say nearly the same."""
        match self.phase:
            case Phase.LOBBY if len(self.active) < LEAST_PLAYERS:
                return self.stopped(f"too few joined: {LEAST_PLAYERS} are needed", now)
            case Phase.LOBBY | Phase.REVEAL:
                return self._next(now)
            case Phase.TELL if self.now_on.secret:
                return self.to(Phase.DRAW, now, DRAW_S)
            case Phase.TELL:
                who = "The teller" if self.now_on.teller is None else f"<@{self.now_on.teller}>"
                silent = f"{who} was silent, so I dealt a secret that nobody knows."
                return self._turned(teller=None, secret=self.deal()).to(Phase.DRAW, now, DRAW_S, why=silent)
            case Phase.FAKE:
                mixed = captions(self.now_on.secret, self.now_on.teller, self._fakes(), groups, self._dice())
                return self._turned(captions=mixed).to(Phase.VOTE, now, VOTE_S)
            case Phase.VOTE:
                return self._counted(now)
            case _:
                return self

    def forgotten(self, member_id: int) -> Self:
        """Without anything that this member wrote."""
        turns = tuple(turn_without(turn, member_id) for turn in self.done)
        turn = None if self.turn is None else turn_without(self.turn, member_id)
        players = tuple(each for each in self.players if each.id != member_id)
        return self.model_copy(update={"done": turns, "turn": turn, "players": players})

    def said_by(self, member_id: int) -> dict[str, Any]:
        """What this member wrote and guessed."""
        turns = (*self.done, *((self.turn,) if self.turn else ()))
        return {
            "secrets": [turn.secret for turn in turns if turn.teller == member_id and turn.secret],
            "fakes": [turn.fakes[member_id] for turn in turns if member_id in turn.fakes],
            "votes": [turn.votes[member_id] + 1 for turn in turns if member_id in turn.votes],
        }

    def _fakes(self) -> dict[int, str]:
        return {member: text for member, text in self.now_on.fakes.items() if member in self.guessers}

    def _counted(self, now: datetime) -> Self:
        turn = self.now_on
        votes = {member: place for member, place in turn.votes.items() if member in self.guessers}
        won = points(turn.captions, votes, turn.teller)
        idle = 0 if votes or turn.fakes else self.idle + 1
        return self._turned(votes=votes, points=won).scored(won).to(Phase.REVEAL, now, REVEAL_S, idle=idle)

    def _next(self, now: datetime, why: str = "") -> Self:
        """The next teller, or the end."""
        done = (*self.done, self.turn) if self.turn is not None and self.phase is Phase.REVEAL else self.done
        number = 0 if self.turn is None else self.turn.number + 1
        wanted = len(self.active) if self.turns is None else self.turns
        over = self.model_copy(update={"done": done})
        if len(self.active) < LEAST_PLAYERS:
            return over.stopped(f"fewer than {LEAST_PLAYERS} players are left", now)
        if self.idle >= MOST_IDLE:
            return over.stopped("everybody fell asleep", now)
        if number >= wanted:
            return over.stopped(why, now)
        turn = Turn(number=number, teller=self.active[number % len(self.active)].id)
        return over.to(Phase.TELL, now, TELL_S, turn=turn, why=why)

    def _guesser(self, member_id: int) -> None:
        self.player(member_id)
        if member_id == self.now_on.teller:
            raise NotInGame("You know the secret: let the others guess.")

    def _turned(self, **changes: Any) -> Self:
        return self.model_copy(update={"turn": self.now_on.model_copy(update=changes)})

    def _dice(self) -> random.Random:
        return random.Random(f"{self.seed}:{self.now_on.number}")  # noqa: S311 - a shuffle, not a secret
