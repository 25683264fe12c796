"""The tables of rounds: what groups decide together."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

rounds = sa.Table(
    "rounds",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    # Counts the changes: whoever changes a round on an old version is refused.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("channel_id", sa.BigInteger, nullable=False),
    sa.Column("host_id", sa.BigInteger, nullable=False, index=True),
    # Who began it and where, as JSON: what follows is asked in their name.
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("job_id", sa.String(16), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("message_id", sa.BigInteger, index=True),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("duration_s", sa.Float, nullable=False),
    sa.Column("is_extended", sa.Boolean, nullable=False),
    sa.Column("winner", sa.Integer),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    # No foreign key: what was made from the winner may be deleted by its owner.
    sa.Column("next_job_id", sa.String(16), index=True),
    sa.Column("refusal", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
)
UNDER_WAY = rounds.c.state.in_([sa.literal_column("'open'"), sa.literal_column("'decided'")])
"""The condition of the partial indexes, with its values written out."""
_OPEN = rounds.c.state == sa.literal_column("'open'")

# One vote at a time on each grid, and the few rounds under way are found at once among many that are over.
sa.Index("uq_rounds_open", rounds.c.job_id, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
sa.Index("ix_rounds_due", rounds.c.due_at, sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY)

ballots = sa.Table(
    "ballots",
    metadata,
    sa.Column("round_id", sa.String(16), sa.ForeignKey("rounds.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", sa.BigInteger, primary_key=True, index=True),
    # The marked slots: "0,2"
    sa.Column("picks", sa.String(32), nullable=False),
    sa.Column("voted_at", Utc, nullable=False),
)
"""One ballot for each member and round; secret until the round is decided."""

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
    sa.Column("message_id", sa.BigInteger, index=True),
    # When something is to be done; NULL while a moderator holds the game and when it is over.
    sa.Column("due_at", Utc),
    # The whole game as JSON, see `bot.domain.games.game.Game`.
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False, index=True),
)
_PLAYED = games.c.is_over.is_(sa.false())
sa.Index("uq_games_channel", games.c.channel_id, unique=True, sqlite_where=_PLAYED, postgresql_where=_PLAYED)
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
