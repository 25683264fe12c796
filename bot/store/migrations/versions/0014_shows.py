"""The weekly show: its plans, its hall of fame, and at most one under way on each server."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_SHOWN: sa.ColumnElement[bool] = sa.literal_column("kind = 'show' AND state != 'ended'")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "show_plans",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_show_plans")),
    )
    op.create_index(op.f("ix_show_plans_next_at"), "show_plans", ["next_at"])
    op.create_table(
        "fame",
        sa.Column("round_id", sa.String(length=16), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("voters", sa.Integer(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_fame")),
    )
    for column in ("member_id", "job_id"):
        op.create_index(op.f(f"ix_fame_{column}"), "fame", [column])
    op.create_index("ix_fame_guild", "fame", ["guild_id", "shown_at"])
    op.create_table(
        "fame_credits",
        sa.Column("round_id", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"], ["fame.round_id"], name=op.f("fk_fame_credits_round_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("round_id", "member_id", name=op.f("pk_fame_credits")),
    )
    op.create_index(op.f("ix_fame_credits_member_id"), "fame_credits", ["member_id"])
    op.create_index("uq_rounds_show", "rounds", ["guild_id"], unique=True, sqlite_where=_SHOWN, postgresql_where=_SHOWN)


def downgrade() -> None:
    """Take back; shows under way are not known to the version before."""
    op.drop_index("uq_rounds_show", "rounds")
    op.execute(sa.text("DELETE FROM rounds WHERE kind = 'show'"))
    for table in ("fame_credits", "fame", "show_plans"):
        op.drop_table(table)
