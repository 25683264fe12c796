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
    # NULL while there is no grid, or where several jobs made what is voted on.
    sa.Column("job_id", sa.String(16), sa.ForeignKey("jobs.id", ondelete="CASCADE"), index=True),
    # The first round's id, in all rounds of a game that has several; "" for a round by itself.
    sa.Column("game_id", sa.String(16), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    # What was agreed at the start of a game, as JSON of its kind.
    sa.Column("settings", sa.Text, nullable=False),
    # While a moderator has paused it: the state to go on with.
    sa.Column("resumes", sa.String(16), nullable=False),
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
UNDER_WAY = rounds.c.state != sa.literal_column("'ended'")
"""The condition of a partial index, with its value written out."""
_OPEN = rounds.c.state == sa.literal_column("'open'")

# One vote at a time on each grid, and the few rounds under way are found at once among many that are over.
sa.Index("uq_rounds_open", rounds.c.job_id, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
_JOBLESS = rounds.c.job_id.is_(None)
sa.Index("ix_rounds_jobless", rounds.c.guild_id, rounds.c.created_at, sqlite_where=_JOBLESS, postgresql_where=_JOBLESS)
sa.Index("ix_rounds_due", rounds.c.due_at, sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY)
SHOWN = sa.and_(rounds.c.kind == sa.literal_column("'show'"), UNDER_WAY)
"""The shows under way."""
# One show at a time on each server.
sa.Index("uq_rounds_show", rounds.c.guild_id, unique=True, sqlite_where=SHOWN, postgresql_where=SHOWN)

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

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("round_id", sa.String(16), sa.ForeignKey("rounds.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role", sa.String(16), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),
    # Who brought it; NULL for what is the bot's own, and after its author deleted everything.
    sa.Column("member_id", sa.BigInteger, index=True),
    sa.Column("text", sa.Text, nullable=False),
    # No foreign key: a picture may be deleted by its owner, its place in the round stays.
    sa.Column("picture_job_id", sa.String(16), index=True),
    sa.Column("picture_cell", sa.Integer),
    sa.Column("is_secret", sa.Boolean, nullable=False),
    sa.Column("entered_at", Utc, nullable=False),
)
"""What members and the bot bring into a round: pictures to vote on, lines of text."""
