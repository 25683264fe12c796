"""Sums kept as jobs end, filled from the jobs that are there; indexes for what was found by reading everything."""

import datetime
import json
import math
import zoneinfo
from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FINAL = ("delivered", "failed", "cancelled")
_CANCELLED = sa.text("state = 'cancelled'")
_OUTSIDE = sa.text("(guild_id IS NULL OR reply LIKE '%\"bot_present\"\\:false%')")
_PARTIAL = {"ix_jobs_cancelled": ("finished_at", _CANCELLED), "ix_jobs_outside": ("created_at", _OUTSIDE)}


def upgrade() -> None:
    """Apply."""
    _index_rendered(["rendered_at", "member_id", "gpu_ms", "weight"])
    for name, (column, where) in _PARTIAL.items():
        op.create_index(name, "jobs", [column], sqlite_where=where, postgresql_where=where)
    members, models, outcomes = _create()
    connection = op.get_bind()
    op.bulk_insert(outcomes, _outcomes(connection))
    used = _used(connection)
    op.bulk_insert(members, _sums(used, ("guild_id", "member_id", "day"), ("gpu_ms",)))
    op.bulk_insert(models, _sums(used, ("guild_id", "day", "model"), ("jobs", "pictures", "gpu_ms")))


def downgrade() -> None:
    """Take back."""
    for table in ("member_days", "model_days", "outcomes"):
        op.drop_table(table)
    for name in _PARTIAL:
        op.drop_index(name, "jobs")
    _index_rendered(["rendered_at"])


def _index_rendered(columns: list[str]) -> None:
    op.drop_index("ix_jobs_rendered", "jobs")
    op.create_index("ix_jobs_rendered", "jobs", columns)


def _create() -> tuple[sa.Table, sa.Table, sa.Table]:
    members = op.create_table(
        "member_days",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("gpu_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "member_id", "day", name=op.f("pk_member_days")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_member_days_member_id"), "member_days", ["member_id"])
    models = op.create_table(
        "model_days",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("pictures", sa.BigInteger(), nullable=False),
        sa.Column("gpu_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "day", "model", name=op.f("pk_model_days")),
        sqlite_with_rowid=False,
    )
    outcomes = op.create_table(
        "outcomes",
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_outcomes")),
    )
    return members, models, outcomes


def _outcomes(connection: sa.Connection) -> list[dict[str, Any]]:
    ended = sa.text("SELECT state, count(*) AS jobs FROM jobs GROUP BY state")
    return [{"state": row.state, "jobs": row.jobs} for row in connection.execute(ended) if row.state in _FINAL]


def _used(connection: sa.Connection) -> list[dict[str, Any]]:
    """What each job that used a device adds to the sums."""
    zones = {row.guild_id: _zone(row.body) for row in connection.execute(sa.text("SELECT * FROM guild_rules"))}
    jobs = sa.table(
        "jobs", sa.column("guild_id"), sa.column("reply"), sa.column("member_id"), sa.column("model"),
        sa.column("verb"), sa.column("count"), sa.column("gpu_ms"), sa.column("rendered_at"),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )  # fmt: skip
    outside = jobs.c.guild_id.is_(None) | jobs.c.reply.like('%"bot_present":false%')
    guild_id = sa.case((outside, 0), else_=jobs.c.guild_id).label("guild_id")
    drawn = sa.case((jobs.c.rendered_at.is_(None) | (jobs.c.verb == "describe"), 0), else_=jobs.c.count)
    query = sa.select(
        guild_id, jobs.c.member_id, jobs.c.model, jobs.c.gpu_ms, jobs.c.created_at, drawn.label("pictures")
    ).where(jobs.c.gpu_ms.is_not(None))
    utc = datetime.UTC
    return [
        {
            "guild_id": row.guild_id, "member_id": row.member_id, "model": row.model, "jobs": 1,
            "pictures": row.pictures, "gpu_ms": math.ceil(row.gpu_ms),
            "day": f"{_aware(row.created_at).astimezone(zones.get(row.guild_id, utc)):%Y-%m-%d}",
        }
        for row in connection.execute(query)
    ]  # fmt: skip


def _sums(used: list[dict[str, Any]], key: tuple[str, ...], summed: tuple[str, ...]) -> list[dict[str, Any]]:
    sums: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in summed}
    for row in used:
        for name in summed:
            sums[name][tuple(row[part] for part in key)] += row[name]
    first = sums[summed[0]]
    return [{**dict(zip(key, found, strict=True)), **{name: sums[name][found] for name in summed}} for found in first]


def _aware(time: datetime.datetime) -> datetime.datetime:
    return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time


def _zone(body: str) -> datetime.tzinfo:
    try:
        return zoneinfo.ZoneInfo(json.loads(body).get("timezone", "UTC"))
    except (ValueError, OSError, KeyError):
        return datetime.UTC
