"""The tables of rules, quotas and the moderators' log."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

guild_rules = sa.Table(
    "guild_rules",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # Counts the changes: a change made on an old version is refused and made again.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

quota_counters = sa.Table(
    "quota_counters",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True),
    # "member" or "channel"
    sa.Column("scope", sa.String(8), primary_key=True),
    sa.Column("subject_id", sa.BigInteger, primary_key=True),
    sa.Column("unit", sa.String(16), primary_key=True),
    # The window and its key: "day 2026-11-22"
    sa.Column("span", sa.String(32), primary_key=True),
    # Whole pictures or milliseconds.
    sa.Column("used", sa.BigInteger, nullable=False),
    # The limit that the last reservation met; reserving compares with it in the same statement.
    sa.Column("cap", sa.BigInteger),
    sa.Column("granted", sa.BigInteger, nullable=False),
    sa.Column("forgiven", sa.BigInteger, nullable=False),
    sa.Column("ends_at", Utc, nullable=False, index=True),
)
"""What is used in each window that somebody was active in."""

reservations = sa.Table(
    "reservations",
    metadata,
    # No foreign key: what was charged stays charged when the job is deleted.
    sa.Column("job_id", sa.String(16), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("member_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    # Where it was asked: which picture policy holds.
    sa.Column("age_restricted", sa.Boolean, nullable=False),
    # "held", "settled" or "refunded"
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("held_pictures", sa.BigInteger, nullable=False),
    sa.Column("held_ms", sa.BigInteger, nullable=False),
    sa.Column("pictures", sa.BigInteger, nullable=False),
    sa.Column("gpu_ms", sa.BigInteger, nullable=False),
    # The spans of its counters by window, as they were when it was made.
    sa.Column("spans", sa.JSON, nullable=False),
    sa.Column("created_at", Utc, nullable=False, index=True),
)
"""The ledger: one row for each accepted job, charged exactly once."""

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", Utc, nullable=False),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("actor_id", sa.BigInteger, nullable=False),
    sa.Column("action", sa.String(48), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Column("interaction_id", sa.BigInteger),
)
"""What moderators did and what others tried; triggers see to it that rows are only ever added."""

sa.Index("ix_audit_log_guild", audit_log.c.guild_id, audit_log.c.id)
sa.Index("uq_audit_log_interaction_id", audit_log.c.interaction_id, audit_log.c.action, audit_log.c.done, unique=True)
