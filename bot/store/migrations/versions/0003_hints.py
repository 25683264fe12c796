"""Hints: what members were told once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "hints",
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("member_id", "model", name=op.f("pk_hints")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("hints")
