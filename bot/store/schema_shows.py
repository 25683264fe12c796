"""The tables of the weekly show: when each server has one, and the hall of fame."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

show_plans = sa.Table(
    "show_plans",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # Counts the changes: whoever changes a plan on an old version is refused.
    sa.Column("version", sa.Integer, nullable=False),
    # Where it is shown, as JSON.
    sa.Column("place", sa.Text, nullable=False),
    # 0 is Monday; the hour is one of the server's time zone.
    sa.Column("weekday", sa.Integer, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    # NULL while it is switched off.
    sa.Column("next_at", Utc, index=True),
    # Why the last one did not take place; "" otherwise.
    sa.Column("note", sa.Text, nullable=False),
)
"""One row for each server that has set up a show."""

fame = sa.Table(
    "fame",
    metadata,
    # No foreign key: retention deletes the round, the hall stays.
    sa.Column("round_id", sa.String(16), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("shown_at", Utc, nullable=False),
    sa.Column("member_id", sa.BigInteger, nullable=False, index=True),
    # No foreign key: retention deletes the job. Whoever deletes the job deletes this row, too.
    sa.Column("job_id", sa.String(16), nullable=False, index=True),
    # A copy of the picture.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("votes", sa.Integer, nullable=False),
    sa.Column("voters", sa.Integer, nullable=False),
    sa.Column("pictures", sa.Integer, nullable=False),
)
"""The winner of each show."""
sa.Index("ix_fame_guild", fame.c.guild_id, fame.c.shown_at)

fame_credits = sa.Table(
    "fame_credits",
    metadata,
    sa.Column("round_id", sa.String(16), sa.ForeignKey("fame.round_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    # Of 100.
    sa.Column("points", sa.Integer, nullable=False),
)
"""Who has which part in a winner: its maker, and the makers of what it was made from."""
