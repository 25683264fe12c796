"""The tables of sums, added to as jobs end: what is asked for often is not counted anew each time."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import metadata

# 0 stands for outside of servers; days are those of the server's calendar when the job was asked for.
member_days = sa.Table(
    "member_days",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("gpu_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Device time of each member on each day they used any."""

model_days = sa.Table(
    "model_days",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("jobs", sa.BigInteger, nullable=False),
    sa.Column("pictures", sa.BigInteger, nullable=False),
    sa.Column("gpu_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What was drawn with each model on each day it was used."""

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("state", sa.String(16), primary_key=True),
    sa.Column("jobs", sa.BigInteger, nullable=False),
)
"""How many jobs ended how, since the database was made."""
