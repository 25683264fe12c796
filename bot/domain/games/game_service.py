"""The game service: opens games and takes what members press and write, each by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.game import LINE_CHARS
from bot.domain.games.likeness import Likeness
from bot.domain.games.ports import GameAnnouncer, GameStore
from bot.domain.games.telephone import Telephone
from bot.domain.ports import Clock
from bot.errors import Fenced, GameOver, GameUnderWay, NotInGame, RoundNotFound

KindT = TypeVar("KindT", bound=AnyGame)


class GameService:
    """Presses add to a game; `bot.domain.games.conductor` leads it from phase to phase."""

    def __init__(
        self, store: GameStore, announcer: GameAnnouncer, likeness: Likeness, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._store, self._announcer, self._likeness = store, announcer, likeness
        self._clock, self._wake = clock, wake

    async def open(self, new: AnyGame) -> AnyGame:
        """Begin a game. Raises `GameUnderWay` where this channel plays already."""
        opened = await self._store.open(new)
        if opened.id != new.id:
            raise GameUnderWay(opened.guild_id, opened.channel_id, opened.message_id)
        self._wake()
        return opened

    async def get(self, game_id: str) -> AnyGame:
        """A game under way. Raises `RoundNotFound` and `GameOver`."""
        found = await self._store.get(game_id)
        if found.is_over:
            raise GameOver(found.guild_id, found.channel_id, found.message_id)
        return found

    async def bluff(self, game_id: str) -> Bluff:
        """A game of Bluff. Raises as `get`."""
        return _of(Bluff, await self.get(game_id))

    async def telephone(self, game_id: str) -> Telephone:
        """A game of Telephone. Raises as `get`."""
        return _of(Telephone, await self.get(game_id))

    async def in_channel(self, channel_id: int) -> AnyGame:
        """The game that this channel plays. Raises `NotInGame`."""
        found = await self._store.in_channel(channel_id)
        if found is None:
            raise NotInGame("Nothing is played in this channel.")
        return found

    async def move(self, kind: type[KindT], game_id: str, move: Callable[[KindT], KindT]) -> KindT:
        """Change a game, on what is there now however many press at once. Raises what `move` raises, and as `get`."""
        while True:
            before = _of(kind, await self.get(game_id))
            after = move(before)
            if after == before:
                return before
            try:
                changed = await self._store.change(before, after)
            except Fenced:
                continue
            self._announcer.changed(game_id)
            self._wake()
            return changed

    async def fake(self, game_id: str, stage: int, member_id: int, text: str) -> Bluff:
        """Take a fake, unless it says nearly the same as the secret. Raises `NotInGame`, and as `get`."""
        text = line(text)
        turn = (await self.bluff(game_id)).now_on
        if await self._likeness.is_nearly(text, turn.secret):
            raise NotInGame("That is too near to the secret: others wrote it better already. Write something else.")

        def move(game: Bluff) -> Bluff:
            if game.stage != stage:
                raise NotInGame("The game has moved on.")
            return game.faked(member_id, text, self._clock())

        return await self.move(Bluff, game_id, move)

    async def gone(self, message_id: int) -> None:
        """End the game whose message was deleted."""
        while (found := await self._store.at_message(message_id)) and not found.is_over:
            try:
                await self._store.change(found, found.stopped("its message was deleted", self._clock()))
            except Fenced:
                continue
        self._wake()


def line(text: str) -> str:
    """What somebody wrote as one line. Raises `NotInGame` when it is empty or too long."""
    text = " ".join(text.split())
    if not text:
        raise NotInGame("Write a few words.")
    if len(text) > LINE_CHARS:
        raise NotInGame(f"At most {LINE_CHARS} characters; those were {len(text)}.")
    return text


def _of(kind: type[KindT], game: AnyGame) -> KindT:
    if not isinstance(game, kind):
        raise RoundNotFound(game.id)
    return game
