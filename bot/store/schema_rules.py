"""The tables of server rules, quotas and the audit log."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

guild_rules = sa.Table(
    "guild_rules",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # Number of changes, for optimistic locking: a change based on an older version is repeated.
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
    # Whole pictures, or milliseconds of device time.
    sa.Column("used", sa.BigInteger, nullable=False),
    # The limit at the last reservation; the reserving statement compares `used` with it.
    sa.Column("cap", sa.BigInteger),
    sa.Column("granted", sa.BigInteger, nullable=False),
    sa.Column("forgiven", sa.BigInteger, nullable=False),
    sa.Column("ends_at", Utc, nullable=False, index=True),
)
"""Use of each member and channel in each window with any use."""

reservations = sa.Table(
    "reservations",
    metadata,
    # No foreign key: the charge stays when the job is deleted.
    sa.Column("job_id", sa.String(16), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("member_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    # Whether the channel was age-restricted at that time; selects the picture policy.
    sa.Column("age_restricted", sa.Boolean, nullable=False),
    # "held", "settled" or "refunded"
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("held_pictures", sa.BigInteger, nullable=False),
    sa.Column("held_ms", sa.BigInteger, nullable=False),
    sa.Column("pictures", sa.BigInteger, nullable=False),
    sa.Column("gpu_ms", sa.BigInteger, nullable=False),
    # The span keys of its counters at the time of the reservation.
    sa.Column("spans", sa.JSON, nullable=False),
    sa.Column("created_at", Utc, nullable=False, index=True),
)
"""Quota ledger: one row for each accepted job, charged exactly once."""

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
"""Actions of moderators and refused attempts. Triggers make the table append-only."""

sa.Index("ix_audit_log_guild", audit_log.c.guild_id, audit_log.c.id)
sa.Index("uq_audit_log_interaction_id", audit_log.c.interaction_id, audit_log.c.action, audit_log.c.done, unique=True)
