"""The tables of running sums, updated when a job ends, so that `/stats` does not scan all jobs."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import metadata

# guild_id 0: outside servers. day: the day on which the job was asked for, in the server's time zone (YYYY-MM-DD).
member_days = sa.Table(
    "member_days",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("gpu_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Device time in ms by server, member and day."""

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
"""Jobs, pictures and device time in ms by server, day and model."""

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("state", sa.String(16), primary_key=True),
    sa.Column("jobs", sa.BigInteger, nullable=False),
)
"""Number of jobs by final state, since the database was created."""
