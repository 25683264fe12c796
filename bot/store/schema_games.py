"""The tables of games with hidden words."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

games = sa.Table(
    "games",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    # Counts the changes: whoever changes a game on an old version is refused.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("is_over", sa.Boolean, nullable=False),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("host_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("message_id", sa.BigInteger, index=True),
    # When something is to be done; NULL while a moderator holds the game and when it is over.
    sa.Column("due_at", Utc),
    # The whole game as JSON, see `bot.domain.games.game.Game`.
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False, index=True),
)
PLAYED = games.c.is_over == sa.literal_column("false")
"""The condition of a partial index, with its value written out."""
sa.Index("uq_games_channel", games.c.channel_id, unique=True, sqlite_where=PLAYED, postgresql_where=PLAYED)
sa.Index(
    "ix_games_due",
    games.c.due_at,
    sqlite_where=games.c.due_at.is_not(None),
    postgresql_where=games.c.due_at.is_not(None),
)

players = sa.Table(
    "players",
    metadata,
    sa.Column("game_id", sa.String(16), sa.ForeignKey("games.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", sa.BigInteger, primary_key=True, index=True),
)
"""Who stands in which game's body: the host and everybody who ever joined."""
