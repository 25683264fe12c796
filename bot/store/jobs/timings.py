"""Measured device time of one picture, by cost class."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.quotas.cost_estimates import CostClass, Timing
from bot.store.database import Database, upsert
from bot.store.schema import timings

_KEY = ("model", "kind", "size_class", "steps")


class TimingStore:
    """Implements `bot.domain.quotas.cost_estimates.Timings` in SQL."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    async def of_model(self, model: str) -> list[Timing]:
        """Return all timings of a model."""
        async with self._database.read() as connection:
            rows = await connection.execute(sa.select(timings).where(timings.c.model == model))
            return [_timing(row) for row in rows]

    async def learn(self, cost_class: CostClass, ms_per_image: float) -> None:
        """Add one measurement, in ms of device time for one picture."""
        async with self._database.write() as connection:
            known = await self._known(connection, cost_class)
            timing = Timing(cost_class, ms_per_image) if known is None else known.with_measured(ms_per_image)
            learnt = {"ms_per_image": timing.ms_per_image, "samples": timing.samples, "updated_at": self._clock()}
            row = upsert(connection, timings).values(**_key(cost_class), **learnt)
            await connection.execute(row.on_conflict_do_update(index_elements=_KEY, set_=learnt))

    async def _known(self, connection: AsyncConnection, cost_class: CostClass) -> Timing | None:
        same = [timings.c[name] == value for name, value in _key(cost_class).items()]
        row = (await connection.execute(sa.select(timings).where(*same).with_for_update())).one_or_none()
        return None if row is None else _timing(row)


def _key(cost_class: CostClass) -> dict[str, str | int]:
    return {
        "model": cost_class.model,
        "kind": cost_class.kind,
        "size_class": cost_class.size_class,
        "steps": cost_class.steps,
    }


def _timing(row: sa.Row[tuple[object, ...]]) -> Timing:
    cost_class = CostClass(row.model, row.kind, row.size_class, row.steps)
    return Timing(cost_class, row.ms_per_image, row.samples)
