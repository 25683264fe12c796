"""The tables of the gallery: which channels everybody can read, and what makers said about single pictures."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import members, metadata

open_channels = sa.Table(
    "open_channels",
    metadata,
    sa.Column("channel_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("guild_id", sa.BigInteger, nullable=False, index=True),
)
"""Channels that everybody on their server can read now, and that are not age-restricted."""

gallery_choices = sa.Table(
    "gallery_choices",
    metadata,
    sa.Column("job_id", sa.String(16), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("is_shown", sa.Boolean, nullable=False),
)
"""What a maker said about one job; it counts instead of their setting."""

AGREED: sa.ColumnElement[bool] = sa.literal_column("settings LIKE '%\"gallery\":true%'")
"""Members who show their pictures in the gallery. Has the exact text of the partial index."""
sa.Index("ix_members_gallery", members.c.member_id, sqlite_where=AGREED, postgresql_where=AGREED)
