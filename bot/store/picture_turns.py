"""Turns at the pictures that bots share: nobody deletes a file while another bot makes sure that it is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from bot.store.database import Database

_TURN = sa.literal(0x66696C65)  # "file": the number of the advisory lock
_KEEPING = sa.select(sa.func.pg_advisory_xact_lock_shared(sa.cast(_TURN, sa.BigInteger)))
_DELETING = sa.select(sa.func.pg_advisory_xact_lock(sa.cast(_TURN, sa.BigInteger)))


class PictureTurns:
    """Implements `bot.store.pictures.Turns` with an advisory lock of PostgreSQL, which ends with its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def keeping(self) -> AsyncGenerator[None]:
        """Meanwhile no bot deletes. Raises `StoreError`."""
        async with self._database.read() as connection:
            await connection.execute(_KEEPING)
            yield

    @asynccontextmanager
    async def deleting(self) -> AsyncGenerator[None]:
        """Meanwhile no other bot keeps or deletes. Raises `StoreError`."""
        async with self._database.read() as connection:
            await connection.execute(_DELETING)
            yield
