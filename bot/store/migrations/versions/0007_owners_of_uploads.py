"""Whose each upload is, and which messages show time-lapses and family trees of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UPLOADER = """
UPDATE uploads SET member_id = (
    SELECT jobs.member_id FROM uploads AS same JOIN jobs ON jobs.id = same.job_id
    WHERE same.key = uploads.key ORDER BY jobs.created_at, jobs.id LIMIT 1
)
"""
"""Before, nothing was noted: whoever asked first with a picture brought it."""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "extracts",
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_extracts_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", "job_id", name=op.f("pk_extracts")),
    )
    op.create_index(op.f("ix_extracts_job_id"), "extracts", ["job_id"], unique=False)
    op.add_column("uploads", sa.Column("member_id", sa.BigInteger(), nullable=True))
    op.execute(_UPLOADER)
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.alter_column("member_id", existing_type=sa.BigInteger(), nullable=False)
        batch_op.create_index(batch_op.f("ix_uploads_member_id"), ["member_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_uploads_member_id"))
        batch_op.drop_column("member_id")
    op.drop_index(op.f("ix_extracts_job_id"), "extracts")
    op.drop_table("extracts")
