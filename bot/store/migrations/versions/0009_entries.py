"""Entries of rounds, rounds that begin without a grid, and games of several rounds."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text("state = 'open'")
_BEFORE = sa.text("state IN ('open', 'decided')")
_UNDER_WAY = sa.text("state != 'ended'")
_JOBLESS = sa.text("job_id IS NULL")
_ADDED: dict[str, sa.String | sa.Integer] = {
    "game_id": sa.String(length=16),
    "number": sa.Integer(),
    "settings": sa.Text(),
    "resumes": sa.String(length=16),
}


def upgrade() -> None:
    """Apply."""
    _drop_partial_indexes()
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.alter_column("job_id", existing_type=sa.String(length=16), nullable=True)
        for column, type_ in _ADDED.items():
            default = "1" if column == "number" else ""
            batch_op.add_column(sa.Column(column, type_, nullable=False, server_default=default))
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        for column, type_ in _ADDED.items():
            batch_op.alter_column(column, existing_type=type_, server_default=None)
        batch_op.create_index(batch_op.f("ix_rounds_game_id"), ["game_id"], unique=False)
    _create_partial_indexes(_UNDER_WAY)
    op.create_index(
        "ix_rounds_jobless", "rounds", ["guild_id", "created_at"], sqlite_where=_JOBLESS, postgresql_where=_JOBLESS
    )
    op.create_table(
        "entries",
        sa.Column("round_id", sa.String(length=16), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("picture_job_id", sa.String(length=16), nullable=True),
        sa.Column("picture_cell", sa.Integer(), nullable=True),
        sa.Column("is_secret", sa.Boolean(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_entries_round_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", "role", "place", name=op.f("pk_entries")),
    )
    for column in ("member_id", "picture_job_id"):
        op.create_index(op.f(f"ix_entries_{column}"), "entries", [column], unique=False)


def downgrade() -> None:
    """Take back; rounds without a grid are no rounds there."""
    op.drop_table("entries")
    op.execute(sa.text("DELETE FROM rounds WHERE job_id IS NULL"))
    op.drop_index("ix_rounds_jobless", "rounds")
    _drop_partial_indexes()
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rounds_game_id"))
        for column in reversed(_ADDED):
            batch_op.drop_column(column)
        batch_op.alter_column("job_id", existing_type=sa.String(length=16), nullable=False)
    _create_partial_indexes(_BEFORE)


def _drop_partial_indexes() -> None:
    # Copied with their table, they would lose their conditions.
    for name in ("uq_rounds_open", "ix_rounds_due"):
        op.drop_index(name, "rounds")


def _create_partial_indexes(under_way: sa.TextClause) -> None:
    op.create_index("uq_rounds_open", "rounds", ["job_id"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_rounds_due", "rounds", ["due_at"], sqlite_where=under_way, postgresql_where=under_way)
