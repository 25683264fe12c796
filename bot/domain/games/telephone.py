"""Telephone: everybody's line becomes a picture, the next member says what they see, and so on, in all chains at once.

LOBBY → WRITE → DRAW → WRITE → … → SHOW → SHOW → … → BEST → OVER. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from bot.domain.games.chains import Chain, Line, asleep, chain_of, holder, pictures_of
from bot.domain.games.deals import dealt
from bot.domain.games.game import DRAW_S, LEAST_PLAYERS, MOST_MISSES, Drawn, Game, GameKind, Order, Phase, Player
from bot.errors import NotInGame

LIVE_S, SLOW_S = 60.0, 24 * 3600.0
SHOW_S, BEST_S = 20.0, 40.0
SLOW_SHOW_S, SLOW_BEST_S = 120.0, 3600.0


class Telephone(Game):
    """A game of Telephone."""

    kind: Literal[GameKind.TELEPHONE] = GameKind.TELEPHONE
    is_slow: bool = False
    steps: int | None = None
    """How many lines each chain gets; None: one from each player."""
    order: tuple[int, ...] = ()
    """The players as they sit, from the first step on."""
    chains: tuple[Chain, ...] = ()
    step: int = 0
    hands: Mapping[int, str] = {}
    """What was written in this step, by chain."""
    on_show: int = 0
    void: tuple[int, ...] = ()
    """Chains that a moderator took away."""
    votes: Mapping[int, tuple[int, ...]] = {}
    """By member: the chains they like best."""
    best: int | None = None

    @property
    def last_step(self) -> int:
        """The number of the last step."""
        return min(self.steps or len(self.order), len(self.order)) - 1

    @property
    def showable(self) -> tuple[int, ...]:
        """The chains that are shown."""
        return tuple(number for number, chain in enumerate(self.chains) if chain and number not in self.void)

    @property
    def awaited(self) -> tuple[int, ...]:
        """Who has not written yet."""
        return tuple(
            member for member in (player.id for player in self.active)
            if member in self.order and chain_of(self.order, member, self.step) not in self.hands
        )  # fmt: skip

    @property
    def pictures(self) -> tuple[str, ...]:
        """The jobs of all chains."""
        return tuple(job_id for chain in self.chains for job_id in pictures_of(chain))

    @property
    def revealed(self) -> tuple[str, ...]:
        """The jobs whose words are a secret no more."""
        if self.phase is Phase.SHOW:
            return pictures_of(self.chains[self.on_show]) if self.chains else ()
        return self.pictures if self.is_over else ()

    def hand(self, member_id: int) -> tuple[int, Line | None]:
        """The chain a member holds, and its last line; None at the first step. Raises `NotInGame`."""
        self.require(Phase.WRITE)
        self.player(member_id)
        chain = chain_of(self.order, member_id, self.step)
        return chain, (self.chains[chain][-1] if self.chains[chain] else None)

    def wrote(self, member_id: int, text: str, now: datetime) -> Self:
        """A member's line, which replaces an earlier one of this step. Raises `NotInGame`."""
        chain, _ = self.hand(member_id)
        game = self.model_copy(update={"hands": {**self.hands, chain: text}})
        return game if game.awaited else game.hurried(now)

    def voted(self, member_id: int, chain: int, now: datetime) -> Self:
        """A mark for a chain set or taken away. Raises `NotInGame`."""
        self.require(Phase.BEST)
        self.player(member_id)
        if chain not in self.showable:
            raise NotInGame("That one is not there any more.")
        marks = tuple(sorted({*self.votes.get(member_id, ())} ^ {chain}))
        return self.model_copy(update={"votes": {**self.votes, member_id: marks}})

    def voided(self, number: int, now: datetime) -> Self:
        """Chain `number`, from 1, taken away by a moderator. Raises `NotInGame`."""
        if not 1 <= number <= len(self.chains):
            raise NotInGame("There is no such entry.")
        game = self.model_copy(update={"void": (*self.void, number - 1)})
        return game.hurried(now) if self.phase is Phase.SHOW and self.on_show == number - 1 else game

    def orders(self) -> list[Order]:
        """The pictures of this step's lines, but of those that went on unchanged."""
        members = {player.id: player.member for player in self.players}
        return [
            Order(index=chain, text=lines[-1].text, member=members.get(lines[-1].author or 0, self.host),
                  job_id=lines[-1].job_id)
            for chain, lines in enumerate(self.chains)
            if not lines[-1].is_asleep and chain not in self.void
        ]  # fmt: skip

    def ordered(self, jobs: Mapping[int, str]) -> Self:
        """With the jobs that draw them."""
        return self._lined({chain: {"job_id": job_id} for chain, job_id in jobs.items()})

    def drawn(self, results: Sequence[Drawn], now: datetime) -> Self:
        """All pictures that can be made are there: the next hands, or the show."""
        game = self._lined({one.index: {"job_id": one.job_id, "why": one.why} for one in results})
        if game.step >= game.last_step or not game.active:
            return game.to(Phase.SHOW, now, game._show_s, on_show=next(iter(game.showable), 0))
        return game.to(Phase.WRITE, now, game._write_s, step=game.step + 1, hands={})

    def advance(self, now: datetime, groups: Sequence[Sequence[int]] = ()) -> Self:
        """Time is up: the next phase."""
        match self.phase:
            case Phase.LOBBY if len(self.active) < LEAST_PLAYERS:
                return self.stopped(f"too few joined: {LEAST_PLAYERS} are needed", now)
            case Phase.LOBBY:
                order = tuple(player.id for player in self.active)
                chains: tuple[Chain, ...] = ((),) * len(order)
                return self.to(Phase.WRITE, now, self._write_s, order=order, chains=chains)
            case Phase.WRITE if not self.hands and self.step == 0:
                return self.stopped("everybody fell asleep", now)
            case Phase.WRITE if not self.hands:
                return self.to(Phase.SHOW, now, self._show_s, why="Everybody fell asleep, so this is all there is.")
            case Phase.WRITE:
                return self._passed(now)
            case Phase.SHOW:
                return self._next_shown(now)
            case Phase.BEST:
                return self.stopped("", now).model_copy(update={"best": self._best()})
            case _:
                return self

    def forgotten(self, member_id: int) -> Self:
        """Without anything that this member wrote."""
        chains = tuple(
            tuple(line.model_copy(update={"author": None, "text": ""}) if line.author == member_id else line
                  for line in chain)
            for chain in self.chains
        )  # fmt: skip
        players = tuple(each for each in self.players if each.id != member_id)
        order = tuple(0 if each == member_id else each for each in self.order)
        votes = {member: marks for member, marks in self.votes.items() if member != member_id}
        return self.model_copy(update={"chains": chains, "players": players, "order": order, "votes": votes})

    def said_by(self, member_id: int) -> dict[str, Any]:
        """What this member wrote and liked."""
        lines = [line.text for chain in self.chains for line in chain if line.author == member_id]
        held = chain_of(self.order, member_id, self.step) if member_id in self.order else -1
        lines += [self.hands[held]] if self.phase is Phase.WRITE and held in self.hands else []
        return {"lines": lines, "votes": [number + 1 for number in self.votes.get(member_id, ())]}

    @property
    def _write_s(self) -> float:
        return SLOW_S if self.is_slow else LIVE_S

    @property
    def _show_s(self) -> float:
        return SLOW_SHOW_S if self.is_slow else SHOW_S

    def _passed(self, now: datetime) -> Self:
        """All hands go on: what was written, or what lay there."""
        slept = {holder(self.order, chain, self.step) for chain in range(len(self.chains)) if chain not in self.hands}
        chains = tuple((*lines, self._line(chain, lines)) for chain, lines in enumerate(self.chains))
        players = tuple(_missed(player) if player.id in slept else player for player in self.players)
        return self.to(Phase.DRAW, now, DRAW_S, chains=chains, players=players)

    def _line(self, chain: int, lines: Chain) -> Line:
        author = holder(self.order, chain, self.step)
        if chain in self.hands:
            return Line(author=author, text=self.hands[chain])
        return asleep(lines, author, dealt(self.seed, chain))

    def _next_shown(self, now: datetime) -> Self:
        later = [chain for chain in self.showable if chain > self.on_show]
        if later:
            return self.to(Phase.SHOW, now, self._show_s, on_show=later[0])
        if len(self.showable) < 2:
            return self.stopped("", now)
        return self.to(Phase.BEST, now, SLOW_BEST_S if self.is_slow else BEST_S)

    def _best(self) -> int | None:
        """The chain with the most marks of those who still play; dice decide a tie."""
        playing = {player.id for player in self.active}
        marks = [chain for member, marked in self.votes.items() if member in playing for chain in marked]
        liked = [chain for chain in self.showable if chain in marks]
        dice = random.Random(self.seed).sample(range(len(self.chains)), len(self.chains))  # noqa: S311 - a fair order
        return max(liked, key=lambda chain: (marks.count(chain), dice[chain]), default=None)

    def _lined(self, changes: Mapping[int, Mapping[str, Any]]) -> Self:
        """With changes to the last lines of some chains."""
        chains = tuple(
            (*lines[:-1], lines[-1].model_copy(update=dict(changes[chain]))) if chain in changes else lines
            for chain, lines in enumerate(self.chains)
        )
        return self.model_copy(update={"chains": chains})


def _missed(player: Player) -> Player:
    misses = player.misses + 1
    return player.model_copy(update={"misses": misses, "is_out": player.is_out or misses >= MOST_MISSES})
