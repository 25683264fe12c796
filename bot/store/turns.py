"""Turns: on PostgreSQL, advisory locks that order what counts jobs and use; SQLite has one writer anyway."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

Turn = tuple[()] | tuple[int] | tuple[int, int]
"""Whose turn: a server or member, or a server and a member; () for none."""

_ALL = sa.literal(0x7475726E, sa.BigInteger)  # "turn"; the ids of servers and members are far larger
_NAMES = ("first", "second")


def locks(turn: Turn) -> tuple[sa.ColumnElement[Any], ...]:
    """The columns that take a turn of so many ids in PostgreSQL, from left to right; `ids_of` has their parameters."""
    each = (sa.func.pg_advisory_xact_lock(sa.bindparam(name, type_=sa.BigInteger)) for name in _NAMES[: len(turn)])
    return (sa.func.pg_advisory_xact_lock_shared(_ALL), *each) if turn else ()


def ids_of(turn: Turn) -> dict[str, int]:
    """The parameters of `locks`."""
    return dict(zip(_NAMES, turn, strict=False))


_ALONE = {count: sa.select(*locks(turn)) for count, turn in ((1, (0,)), (2, (0, 0)))}


async def in_turn(connection: AsyncConnection, *turn: int) -> None:
    """On PostgreSQL: wait for other transactions about the same server or member, until the end of the transaction.

    A server's id comes before a member's: who has a member's turn waits for no server's, so no circle can close.
    """
    await connection.execute(_ALONE[len(turn)], dict(zip(_NAMES, turn, strict=False)))


async def alone(connection: AsyncConnection) -> None:
    """Wait for every transaction that has a turn, and let none begin until the end of this one."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALL)))
