"""Games with hidden words, who plays them, and the prompts of jobs that are a secret."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PLAYED = sa.text("is_over = false")
_DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "games",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("host_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_games")),
    )
    for column in ("host_id", "message_id", "created_at"):
        op.create_index(op.f(f"ix_games_{column}"), "games", [column])
    op.create_index(
        "uq_games_channel", "games", ["channel_id"], unique=True, sqlite_where=_PLAYED, postgresql_where=_PLAYED
    )
    op.create_index("ix_games_due", "games", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_table(
        "players",
        sa.Column("game_id", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["game_id"], ["games.id"], name=op.f("fk_players_game_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("game_id", "member_id", name=op.f("pk_players")),
    )
    op.create_index(op.f("ix_players_member_id"), "players", ["member_id"])
    op.create_table(
        "sealed_words",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_sealed_words_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_sealed_words")),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("sealed_words", "players", "games"):
        op.drop_table(table)
