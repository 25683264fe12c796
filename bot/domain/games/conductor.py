"""The conductor leads games from phase to phase: one task shows, draws and ends what is due.

A kill between any two of its steps is harmless: each step again changes nothing. Deadlines are rows.
One that passed while nobody looked is put off once, and the game says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.game_draws import GameDraws
from bot.domain.games.likeness import Likeness
from bot.domain.games.phases import Phase
from bot.domain.games.ports import GameAnnouncer, GameStore
from bot.domain.moderation.access import BannedIn
from bot.domain.ports import Clock
from bot.errors import DeliveryError, DeliveryLater, Fenced, RoundNotFound, StoreError, unexplained
from bot.tasks import first_of

log = logging.getLogger(__name__)

POLL_S, IDLE_S = 1.0, 30.0
LEAST_EXTENSION = timedelta(seconds=30)
MOST_EXTENSION = timedelta(minutes=10)
_MOST_TRIES = 20
_MOST_STEPS = 20
"""So many steps of one game are done before another's turn."""


class Conductor:
    """The task that leads all games; `wake` makes it look at once."""

    def __init__(
        self,
        store: GameStore,
        announcer: GameAnnouncer,
        draws: GameDraws,
        likeness: Likeness,
        *,
        banned: BannedIn,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._announcer, self._draws, self._likeness = store, announcer, draws, likeness
        self._banned, self._clock, self._sleep = banned, clock, sleep
        self._woken = asyncio.Event()
        self._later: dict[str, datetime] = {}
        """When a game is tried again that Discord did not take."""

    def wake(self) -> None:
        """Look for due games now."""
        self._woken.set()

    async def run(self) -> None:
        """Lead games on until cancelled."""
        began = self._clock()
        while True:
            self._woken.clear()
            # Gathered, an error is a value: a database that fails for a while must not end all games.
            [error] = await asyncio.gather(self.turn(began), return_exceptions=True)
            if isinstance(error, Exception):
                log.error("games cannot be read: %s", error, exc_info=unexplained(error))
                await self._sleep(IDLE_S)
            await first_of(self._woken.wait(), self._sleep(POLL_S))

    async def turn(self, began: datetime) -> None:
        """Lead every game that is due one step further; `began` is this process's start. Raises `StoreError`."""
        now = self._clock()
        self._later = {game_id: at for game_id, at in self._later.items() if at > now}
        due = [game for game in await self._store.due(now) if game.id not in self._later]
        errors = await asyncio.gather(*(self._lead(game, began) for game in due), return_exceptions=True)
        for game, error in zip(due, errors, strict=True):
            if isinstance(error, StoreError):
                raise error
            if isinstance(error, Exception):
                log.error("game failed", extra={"game": game.id}, exc_info=error)
                await self._put_off(game)

    async def _lead(self, game: AnyGame, began: datetime) -> None:
        try:
            for _ in range(_MOST_STEPS):
                after = await self._step(game, began)
                if after is game:
                    return
                is_put_off = after.is_extended and not game.is_extended
                game = await self._changed(game, after)
                if is_put_off:
                    self._announcer.changed(game.id)
        except Fenced:
            self.wake()  # somebody pressed meanwhile: look again at what is there now
        except DeliveryLater as error:
            await self._put_off(game, error.retry_after_s)
        except DeliveryError as error:
            log.warning("game cannot be shown: %s", error, extra={"game": game.id})
            await self._unshowable(game)
        except RoundNotFound:
            log.info("game is gone", extra={"game": game.id})

    async def _changed(self, game: AnyGame, after: AnyGame) -> AnyGame:
        """Store a step. Raises `Fenced`; what was asked for while somebody stopped the game is no secret any more."""
        try:
            return await self._store.change(game, after)
        except Fenced:
            if (await self._store.get(game.id)).is_over:
                await self._draws.unseal(after.stopped("", self._clock()))
            raise

    async def _step(self, game: AnyGame, began: datetime) -> AnyGame:
        """The game after the next thing that is due; the same object when nothing is."""
        now = self._clock()
        if game.shown < game.stage:
            return await self._show(game)
        if game.is_over or game.is_paused:
            return game
        if without := await self._without_banned(game, now):
            return without
        if game.phase is Phase.DRAW:
            return await self._draws.draw(game, now)
        if game.closes_at > now:
            return game
        if game.closes_at < began and not game.is_extended:
            return _extended(game, began, now)
        if isinstance(game, Bluff) and game.phase is Phase.FAKE:
            return game.advance(now, await self._likeness.groups(game.now_on.fakes))
        return game.advance(now)

    async def _show(self, game: AnyGame) -> AnyGame:
        if game.phase in (Phase.REVEAL, Phase.OVER, Phase.SHOW):
            await self._draws.unseal(game)
        message_id = await self._announcer.show(game)
        return game.seen(message_id, self._clock())

    async def _without_banned(self, game: AnyGame, now: datetime) -> AnyGame | None:
        banned = set(await self._banned(game.guild_id, now))
        after = game.outside(banned)
        return None if after == game else after

    async def _unshowable(self, game: AnyGame) -> None:
        """End a game whose messages cannot be shown, and unseal its jobs."""
        try:
            over = game.stopped("it could not be shown any more", self._clock())
            await self._draws.unseal(over)
            await self._store.change(game, over.model_copy(update={"shown": over.stage}))
        except Fenced:
            self.wake()

    async def _put_off(self, game: AnyGame, least_s: float = 0.0) -> None:
        try:
            game = await self._store.get(game.id)
            if game.tries >= _MOST_TRIES:
                await self._unshowable(game)
                return
            pause_s = max(least_s, min(60.0, 2.0**game.tries))
            self._later[game.id] = self._clock() + timedelta(seconds=pause_s)
            await self._store.change(game, game.model_copy(update={"tries": game.tries + 1}))
        except (Fenced, RoundNotFound):
            log.info("game changed meanwhile", extra={"game": game.id})


def _extended(game: AnyGame, began: datetime, now: datetime) -> AnyGame:
    away = min(max(began - game.closes_at, LEAST_EXTENSION), MOST_EXTENSION)
    update = {"closes_at": now + away, "is_extended": True, "why": "I was away; there is more time."}
    return game.model_copy(update=update)
