"""Turns: on PostgreSQL, advisory locks that order what counts jobs and use; SQLite has one writer anyway."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

_ALL = sa.literal(0x7475726E, sa.BigInteger)  # "turn"; the ids of servers and members are far larger
_EACH = sa.func.pg_advisory_xact_lock_shared(_ALL)
_OF_ONE, _OF_TWO = (
    sa.select(_EACH, *(sa.func.pg_advisory_xact_lock(sa.bindparam(name, type_=sa.BigInteger)) for name in names))
    for names in (("first",), ("first", "second"))
)


async def in_turn(connection: AsyncConnection, first: int, second: int | None = None) -> None:
    """Wait for other transactions about the same server or member, until the end of the transaction.

    A server's id comes before a member's: who has a member's turn waits for no server's, so no circle can close.
    """
    if connection.dialect.name == "postgresql":
        known = {"first": first, "second": second}
        await connection.execute(_OF_ONE if second is None else _OF_TWO, known)


async def alone(connection: AsyncConnection) -> None:
    """Wait for every transaction that has a turn, and let none begin until the end of this one."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALL)))
