"""The chains of a game: who holds which, what was written and drawn, and what members like. Pure.

With a `shape` it is an exquisite corpse: the lines of a chain become the bands of one picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from bot.domain.games.chains import Chain, Line, chain_of, lined, picture_of, pictures_of, without
from bot.domain.games.corpse import BANDS, Shape, stops
from bot.domain.games.game import Game
from bot.domain.games.orders import Order
from bot.domain.games.phases import Phase
from bot.domain.games.tempo import LIVE, SLOW, Tempo
from bot.errors import NotInGame


class ChainGame(Game):
    """What is written, drawn, shown and liked in a game of chains."""

    is_slow: bool = False
    shape: Shape | None = None
    """Of a corpse: where the next band joins."""
    steps: int | None = None
    """How many lines each chain gets; None: one from each player, of a corpse `BANDS`."""
    order: tuple[int, ...] = ()
    """The players as they sit, from the first step on."""
    chains: tuple[Chain, ...] = ()
    step: int = 0
    hands: Mapping[int, str] = {}
    """What was written in this step, by chain."""
    on_show: int = 0
    band: int = 0
    """Of a corpse: how many stops of the one on show are over."""
    void: tuple[int, ...] = ()
    """Chains that a moderator took away."""
    votes: Mapping[int, tuple[int, ...]] = {}
    """By member: the chains they like best."""
    best: int | None = None

    @property
    def last_step(self) -> int:
        """The number of the last step."""
        usual = len(self.order) if self.shape is None else BANDS
        return min(self.steps or usual, len(self.order)) - 1

    @property
    def showable(self) -> tuple[int, ...]:
        """The chains that are shown."""
        return tuple(number for number, chain in enumerate(self.chains) if chain and number not in self.void)

    @property
    def told(self) -> Chain:
        """The lines that are shown now of the chain on show."""
        chain: Chain = self.chains[self.on_show] if self.chains else ()
        return chain if self.shape is None or not chain else chain[: stops(chain)[self.band] + 1]

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

    def hand(self, member_id: int) -> tuple[int, Line | None]:
        """The chain a member holds, and its last line; None at the first step. Raises `NotInGame`."""
        self.require(Phase.WRITE)
        self.player(member_id)
        chain = chain_of(self.order, member_id, self.step)
        return chain, (self.chains[chain][-1] if self.chains[chain] else None)

    def came(self, chain: int) -> str | None:
        """The job of the picture that came with a hand; of a corpse only its edge may be seen."""
        lines = self.chains[chain]
        return picture_of(lines) if self.shape is not None else (lines[-1].job_id if lines else None)

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

    def orders(self) -> list[Order]:
        """The pictures of this step's lines, but of those that went on unchanged."""
        members = {player.id: player.member for player in self.players}
        return [
            Order(index=chain, text=lines[-1].text, member=members.get(lines[-1].author or 0, self.host),
                  job_id=lines[-1].job_id, shape=self.shape, after=self.shape and picture_of(lines[:-1]))
            for chain, lines in enumerate(self.chains)
            if not lines[-1].is_asleep and chain not in self.void
        ]  # fmt: skip

    def ordered(self, jobs: Mapping[int, str]) -> Self:
        """With the jobs that draw them."""
        changes = {chain: {"job_id": job_id} for chain, job_id in jobs.items()}
        return self.model_copy(update={"chains": lined(self.chains, changes)})

    def forgotten(self, member_id: int) -> Self:
        """Without anything that this member wrote."""
        held = chain_of(self.order, member_id, self.step) if member_id in self.order else None
        hands = {chain: text for chain, text in self.hands.items() if chain != held}
        chains = without(self.chains, member_id)
        players = tuple(each for each in self.players if each.id != member_id)
        order = tuple(0 if each == member_id else each for each in self.order)
        votes = {member: marks for member, marks in self.votes.items() if member != member_id}
        return self.model_copy(
            update={"chains": chains, "hands": hands, "players": players, "order": order, "votes": votes}
        )

    def said_by(self, member_id: int) -> dict[str, Any]:
        """What this member wrote and liked."""
        lines = [line.text for chain in self.chains for line in chain if line.author == member_id]
        held = chain_of(self.order, member_id, self.step) if member_id in self.order else -1
        lines += [self.hands[held]] if self.phase is Phase.WRITE and held in self.hands else []
        return {"lines": lines, "votes": [number + 1 for number in self.votes.get(member_id, ())]}

    @property
    def tempo(self) -> Tempo:
        """How long the phases last."""
        return SLOW if self.is_slow else LIVE
