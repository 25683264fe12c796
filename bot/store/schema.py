"""The tables of jobs, pictures and members. Each change needs a migration in `bot/store/migrations/versions`."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(sa.types.TypeDecorator[datetime]):
    """A timezone-aware UTC time. SQLite has no time zones, so the column stores the UTC time without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC for the database. Raises `ValueError` for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; give it a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time with the time zone UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _job_id(*, primary_key: bool = False, index: bool = False, nullable: bool = False) -> sa.Column[str]:
    key = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    return sa.Column("job_id", sa.String(16), key, primary_key=primary_key, index=index, nullable=nullable)


jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("verb", sa.String(24), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("member_name", sa.Text, nullable=False),
    sa.Column("guild_id", sa.BigInteger),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("notify", sa.Boolean, nullable=False),
    sa.Column("interaction_id", sa.BigInteger, nullable=False),
    sa.Column("ask_index", sa.Integer, nullable=False),
    # No foreign key: the children of a deleted job stay.
    sa.Column("parent_id", sa.String(16)),
    sa.Column("parent_cell", sa.Integer),
    sa.Column("reply", sa.Text, nullable=False),
    sa.Column("message_id", sa.BigInteger),
    # The interaction's token: a secret, deleted when it expires.
    sa.Column("token", sa.Text),
    sa.Column("token_until", Utc),
    sa.Column("estimate_ms", sa.Float, nullable=False),
    sa.Column("gpu_ms", sa.Float),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("notes", sa.JSON, nullable=False),
    sa.Column("captions", sa.JSON, nullable=False),
    # Who may make something of it: "all", "ask" or "me"; NULL: what its owner, or the server, says of all.
    sa.Column("share", sa.String(8)),
    sa.Column("spoiler", sa.Boolean, nullable=False),
    sa.Column("frames_key", sa.Text),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("started_at", Utc),
    sa.Column("rendered_at", Utc),
    sa.Column("finished_at", Utc),
    sa.UniqueConstraint("interaction_id", "ask_index"),
)

UNFINISHED = ("queued", "running", "rendered", "review")


def is_unfinished(table: sa.FromClause = jobs) -> sa.ColumnElement[bool]:
    """The condition of the partial index. Its values are literals: with bound parameters SQLite ignores the index."""
    states = sa.bindparam("unfinished", UNFINISHED, jobs.c.state.type, expanding=True, literal_execute=True)
    return table.c.state.in_(states)


def is_cancelled() -> sa.ColumnElement[bool]:
    """The condition of the partial index `ix_jobs_cancelled`, with a literal value."""
    return jobs.c.state == sa.literal_column("'cancelled'")


_unfinished = jobs.c.state.in_(UNFINISHED)

# Partial index: holds only the unfinished jobs, and covers the query that counts them.
sa.Index(
    "ix_jobs_unfinished",
    jobs.c.member_id,
    jobs.c.state,
    jobs.c.created_at,
    sqlite_where=_unfinished,
    postgresql_where=_unfinished,
)
sa.Index("ix_jobs_member_created", jobs.c.member_id, jobs.c.created_at)
sa.Index("ix_jobs_guild_created", jobs.c.guild_id, jobs.c.created_at)
sa.Index("ix_jobs_created", jobs.c.created_at)
# Covering index of the sums that `served` reads at a start; without it SQLite scans the whole table.
sa.Index("ix_jobs_rendered", jobs.c.rendered_at, jobs.c.member_id, jobs.c.gpu_ms, jobs.c.weight)
sa.Index(
    "ix_jobs_cancelled",
    jobs.c.finished_at,
    sqlite_where=is_cancelled(),
    postgresql_where=is_cancelled(),
)
OUTSIDE = sa.literal_column("(guild_id IS NULL OR reply LIKE '%\"bot_present\":false%')", sa.Boolean)
"""Jobs in direct messages, or on servers where the bot is no member. Has the exact text of the partial index."""

sa.Index("ix_jobs_outside", jobs.c.created_at, sqlite_where=OUTSIDE, postgresql_where=OUTSIDE)
sa.Index("ix_jobs_message", jobs.c.message_id)
sa.Index("ix_jobs_parent", jobs.c.parent_id)
sa.Index(
    "ix_jobs_token",
    jobs.c.token_until,
    sqlite_where=jobs.c.token_until.is_not(None),
    postgresql_where=jobs.c.token_until.is_not(None),
)

cells = sa.Table(
    "cells",
    metadata,
    _job_id(primary_key=True),
    sa.Column("cell", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("unsafe_score", sa.Float),
    sa.Column("check_error", sa.Text, nullable=False),
    sa.Column("latents_key", sa.Text),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _job_id(primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", Utc, nullable=False, index=True),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)
"""Transactional outbox: one row for each job whose reply must still be updated."""

posts = sa.Table(
    "posts",
    metadata,
    sa.Column("message_id", sa.BigInteger, primary_key=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False, index=True),
    _job_id(index=True),
    sa.Column("cell", sa.Integer),
)
"""Every message of the bot that shows a job or one of its cells."""

extracts = sa.Table(
    "extracts",
    metadata,
    sa.Column("message_id", sa.BigInteger, primary_key=True),
    _job_id(primary_key=True, index=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
)
"""Every message of the bot that shows a time-lapse of a job, or a lineage tree of several jobs."""

sealed_words = sa.Table(
    "sealed_words",
    metadata,
    _job_id(primary_key=True),
    sa.Column("prompt", sa.Text, nullable=False),
)
"""The prompts of jobs whose words are a secret of a game; the job's own row holds none until the reveal."""

uploads = sa.Table(
    "uploads",
    metadata,
    _job_id(primary_key=True),
    sa.Column("key", sa.Text, primary_key=True, index=True),
    # The uploader, who may be another member than the one who asked for the job.
    sa.Column("member_id", sa.BigInteger, nullable=False, index=True),
)
"""The uploaded pictures of each job. An upload is deleted when no job needs it, or when its uploader is erased."""

members = sa.Table(
    "members",
    metadata,
    sa.Column("member_id", sa.BigInteger, primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),
)

favourites = sa.Table(
    "favourites",
    metadata,
    sa.Column("member_id", sa.BigInteger, primary_key=True),
    _job_id(primary_key=True, index=True),
    sa.Column("cell", sa.Integer, primary_key=True),
    sa.Column("created_at", Utc, nullable=False),
)

hints = sa.Table(
    "hints",
    metadata,
    sa.Column("member_id", sa.BigInteger, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    # No foreign key: the row stays when the job is deleted, so that the hint is not repeated.
    sa.Column("job_id", sa.String(16), nullable=False),
)
"""Members who got the hint about a model's vocabulary, and the job whose reply showed it."""

timings = sa.Table(
    "timings",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("kind", sa.String(24), primary_key=True),
    sa.Column("size_class", sa.Integer, primary_key=True),
    sa.Column("steps", sa.Integer, primary_key=True),
    sa.Column("ms_per_image", sa.Float, nullable=False),
    sa.Column("samples", sa.Integer, nullable=False),
    sa.Column("updated_at", Utc, nullable=False),
)
"""Measured device time of one picture in ms, as an exponentially weighted mean over jobs."""
