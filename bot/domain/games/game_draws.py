"""Jobs of games: submitted once each in the writer's name, sealed until the reveal."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from bot.domain.games.any_game import AnyGame
from bot.domain.games.corpse import EDGE, TRIM
from bot.domain.games.orders import Drawn, Order
from bot.domain.games.ports import Draws, SealedJobs
from bot.domain.model import Ask, CellRef, Job, JobSpec, JobState, Options, ReplyTo, Verb
from bot.errors import (
    AlreadyAsked,
    BadPicture,
    Banned,
    DeliveryLater,
    JobNotFound,
    Paused,
    PromptRejected,
    QuotaExceeded,
    Restarting,
    TooManyJobs,
    UserError,
)
from engine import EngineError, QueueFull

log = logging.getLogger(__name__)

_PASSES = (Paused, Restarting, QueueFull, TooManyJobs)
"""Refusals that pass by themselves."""
_WHY: Mapping[type[Exception], str] = MappingProxyType(
    {QuotaExceeded: "the quota is used up", Banned: "they may not ask for pictures now",
     PromptRejected: "this server does not allow the words"}
)  # fmt: skip


class GameDraws:
    """Submits the jobs of a game. Idempotent: the message of the phase makes each ask unique."""

    def __init__(self, draws: Draws, jobs: SealedJobs) -> None:
        self._draws, self._jobs = draws, jobs

    async def draw(self, game: AnyGame, now: datetime) -> AnyGame:
        """The game a step further: with the jobs asked for, or with their results; itself while it has to wait."""
        orders, is_late = game.orders(), now >= game.closes_at
        asked = {order.index: order.job_id for order in orders if order.job_id}
        refused: dict[int, str] = {}
        for order in orders:
            if order.index not in asked and not is_late:
                await self._ask(game, order, asked, refused)
        if fresh := {order.index: asked[order.index] for order in orders if order.index in asked and not order.job_id}:
            return game.ordered(fresh)
        if not is_late and len(asked) + len(refused) < len(orders):
            return game
        results = [await self._result(order, asked, refused, is_late) for order in orders]
        if None in results:
            return game
        return game.drawn([one for one in results if one is not None], now)

    async def unseal(self, game: AnyGame) -> None:
        """Unseal the jobs whose words the game shows now."""
        await self._jobs.unseal(game.revealed)

    async def _ask(self, game: AnyGame, order: Order, asked: dict[int, str], refused: dict[int, str]) -> None:
        try:
            asked[order.index] = (await self._submitted(game, order)).id
        except AlreadyAsked as error:
            asked[order.index] = error.job_id
        except _PASSES as error:
            log.info("picture of a game has to wait: %s", type(error).__name__, extra={"game": game.id})
        except (UserError, EngineError) as error:
            refused[order.index] = _WHY.get(type(error), "it cannot be drawn")

    async def _submitted(self, game: AnyGame, order: Order) -> Job:
        """Where the picture that a band joins is gone, the band begins a picture of its own."""
        try:
            return await self._draws.submit(_asked(game, order))
        except (JobNotFound, BadPicture):
            if order.after is None:
                raise
            return await self._draws.submit(_asked(game, order.model_copy(update={"after": None})))

    async def _result(
        self, order: Order, asked: dict[int, str], refused: dict[int, str], is_late: bool
    ) -> Drawn | None:
        """What became of an order; None while it is open."""
        if order.index not in asked:
            return Drawn(index=order.index, why=refused.get(order.index, "it took too long"))
        try:
            job = await self._jobs.get(asked[order.index])
        except JobNotFound:
            return Drawn(index=order.index, why="it was deleted")
        if job.state.is_showable:
            return Drawn(index=order.index, job_id=job.id)
        if job.state.is_final:
            return Drawn(index=order.index, why="it could not be drawn, and nothing was charged")
        if not is_late:
            return None
        return await self._given_up(order, job)

    async def _given_up(self, order: Order, job: Job) -> Drawn:
        await self._draws.cancel(job.id, order.member)
        why = "a moderator still looks at it" if job.state is JobState.REVIEW else "it took too long"
        return Drawn(index=order.index, why=why)


def _spec(order: Order, seed: int) -> JobSpec:
    alone = JobSpec(verb=Verb.IMAGINE, options=Options(prompt=order.text), seed=seed, count=1, sealed=True)
    if order.shape is None or order.after is None:
        return alone
    source = CellRef(job_id=order.after, cell=0)
    joined = {"verb": Verb.PAN, "source": source, "pan": order.shape.pan, "fold": (EDGE, TRIM)}
    return alone.model_copy(update=joined)


def _asked(game: AnyGame, order: Order) -> Ask:
    if game.message_id is None:
        raise DeliveryLater(1.0, "the phase is not shown yet")
    place, seed = game.place, zlib.crc32(f"{game.seed}:{game.stage}:{order.index}".encode())
    return Ask(
        spec=_spec(order, seed),
        member=order.member,
        place=place,
        reply=ReplyTo(channel_id=place.channel_id, file_limit_bytes=place.file_limit_bytes, hidden=True),
        interaction_id=game.message_id,
        index=game.stage * 100 + order.index,
    )
