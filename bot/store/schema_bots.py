"""The tables of bots that share one PostgreSQL database: who lives, who has which shard, which answers are pending."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

bots = sa.Table(
    "bots",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    # By the clock of the database. Whoever finds the row expired deletes it; then this bot can write no more.
    sa.Column("expires_at", Utc, nullable=False),
)
"""The lease of each bot that shares the database."""

shards = sa.Table(
    "shards",
    metadata,
    sa.Column("shard_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bot_id", sa.BigInteger, sa.ForeignKey("bots.id", ondelete="SET NULL"), index=True),
    # Counts how often the shard changed hands.
    sa.Column("epoch", sa.Integer, nullable=False),
    # When the next bot may identify in the bucket of this number; Discord allows one in 5 s for each bucket.
    sa.Column("identify_at", Utc),
)
"""All of Discord's shards, and the bot that has each; NULL: nobody yet."""

pending_answers = sa.Table(
    "pending_answers",
    metadata,
    sa.Column("interaction_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # No foreign key: the row stays when the bot's lease is gone, and another bot adopts it.
    sa.Column("bot_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("guild_id", sa.BigInteger),
    sa.Column("member_id", sa.BigInteger, index=True),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    # The pending answer without its token, as JSON.
    sa.Column("note", sa.Text, nullable=False),
)
"""Interactions that show "thinking…", where several bots share the database; one bot keeps them in a file."""
