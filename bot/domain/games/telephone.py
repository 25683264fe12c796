"""Telephone: everybody's line becomes a picture, the next member says what they see, and so on, in all chains at once.

LOBBY → WRITE → DRAW → WRITE → … → SHOW → SHOW → … → BEST → OVER. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from bot.domain.games.chain_game import ChainGame
from bot.domain.games.chains import Chain, Line, asleep, best_of, holder, lined, pictures_of
from bot.domain.games.deals import DEALT, FIGURES, dealt
from bot.domain.games.game import DRAW_S, LEAST_PLAYERS
from bot.domain.games.orders import Drawn
from bot.domain.games.phases import GameKind, Phase
from bot.errors import NotInGame


class Telephone(ChainGame):
    """A game of Telephone."""

    kind: Literal[GameKind.TELEPHONE] = GameKind.TELEPHONE

    @property
    def revealed(self) -> tuple[str, ...]:
        """The jobs whose words are a secret no more."""
        if self.phase is Phase.SHOW:
            return pictures_of(self.told)
        return self.pictures if self.is_over else ()

    def drawn(self, results: Sequence[Drawn], now: datetime) -> Self:
        """All pictures that can be made are there: the next hands, or the show."""
        changes = {one.index: {"job_id": one.job_id, "why": one.why} for one in results}
        game = self.model_copy(update={"chains": lined(self.chains, changes)})
        if game.step >= game.last_step or not game.active:
            return game._shown(now)
        return game.to(Phase.WRITE, now, game.tempo.write_s, step=game.step + 1, hands={})

    def advance(self, now: datetime, groups: Sequence[Sequence[int]] = ()) -> Self:
        """Time is up: the next phase."""
        match self.phase:
            case Phase.LOBBY if len(self.active) < LEAST_PLAYERS:
                return self.stopped(f"too few joined: {LEAST_PLAYERS} are needed", now)
            case Phase.LOBBY:
                order = tuple(player.id for player in self.active)
                chains: tuple[Chain, ...] = ((),) * len(order)
                return self.to(Phase.WRITE, now, self.tempo.write_s, order=order, chains=chains)
            case Phase.WRITE if not self.hands and self.step == 0:
                return self.stopped("everybody fell asleep", now)
            case Phase.WRITE if not self.hands:
                return self._shown(now, why="Everybody fell asleep, so this is all there is.")
            case Phase.WRITE:
                return self._passed(now)
            case Phase.SHOW:
                return self._next_shown(now)
            case Phase.BEST:
                return self.stopped("", now).model_copy(update={"best": self._best()})
            case _:
                return self

    def voided(self, number: int, now: datetime) -> Self:
        """Chain `number`, from 1, taken away by a moderator. Raises `NotInGame`."""
        if not 1 <= number <= len(self.chains):
            raise NotInGame("There is no such entry.")
        game = self.model_copy(update={"void": (*self.void, number - 1)})
        return game.hurried(now) if self.phase is Phase.SHOW and self.on_show == number - 1 else game

    def _passed(self, now: datetime) -> Self:
        """All hands go on: what was written, or what lay there."""
        slept = {holder(self.order, chain, self.step) for chain in range(len(self.chains)) if chain not in self.hands}
        chains = tuple((*lines, self._line(chain, lines)) for chain, lines in enumerate(self.chains))
        players = tuple(player.missed() if player.id in slept else player for player in self.players)
        return self.to(Phase.DRAW, now, DRAW_S, chains=chains, players=players)

    def _line(self, chain: int, lines: Chain) -> Line:
        author = holder(self.order, chain, self.step) or None
        if chain in self.hands:
            return Line(author=author, text=self.hands[chain])
        among = DEALT if self.shape is None else FIGURES
        return asleep(lines, author, dealt(self.seed, chain, among=among))

    def _next_shown(self, now: datetime) -> Self:
        on_show = self.on_show if self.on_show in self.showable else None
        if on_show is not None and len(self.told) < len(self.chains[on_show]):
            return self._shown(now, on_show, self.band + 1)
        if any(chain > self.on_show for chain in self.showable):
            return self._shown(now, self.on_show + 1)
        if len(self.showable) < 2:
            return self.stopped("", now)
        return self.to(Phase.BEST, now, self.tempo.best_s)

    def _shown(self, now: datetime, least: int = 0, band: int = 0, why: str = "") -> Self:
        """Show the first chain from `least` on, of a corpse up to this band."""
        on_show = next((chain for chain in self.showable if chain >= least), None)
        if on_show is None:
            return self.stopped("a moderator took everything away", now)
        told = self.model_copy(update={"on_show": on_show, "band": band}).told
        whole_s = self.tempo.show_s if self.shape is None else self.tempo.figure_s
        length_s = whole_s if len(told) == len(self.chains[on_show]) else self.tempo.band_s
        return self.to(Phase.SHOW, now, length_s, on_show=on_show, band=band, why=why)

    def _best(self) -> int | None:
        """The chain with the most marks of those who still play; dice decide a tie."""
        playing = {player.id for player in self.active}
        marks = [chain for member, marked in self.votes.items() if member in playing for chain in marked]
        dice = random.Random(self.seed).sample(range(len(self.chains)), len(self.chains))  # noqa: S311 - a fair order
        return best_of(self.showable, marks, dice)
