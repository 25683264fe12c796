"""Who lets whom make something of their pictures, fingerprints of pictures, and quarantine."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_BANDS = tuple(f"band{number}" for number in range(4))


def upgrade() -> None:
    """Apply."""
    op.add_column("jobs", sa.Column("share", sa.String(length=8), nullable=True))
    op.create_table(
        "grants",
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "member_id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_member_id"), "grants", ["member_id"])
    op.create_table(
        "fingerprints",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("cell", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.String(length=64), nullable=False),
        *(sa.Column(band, sa.Integer(), nullable=False) for band in _BANDS),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_fingerprints_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "cell", name=op.f("pk_fingerprints")),
    )
    for band in _BANDS:
        op.create_index(op.f(f"ix_fingerprints_{band}"), "fingerprints", [band])
    op.create_table(
        "quarantined",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("root_id", sa.String(length=16), nullable=False),
        sa.Column("was", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_quarantined_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "root_id", name=op.f("pk_quarantined")),
    )
    op.create_index(op.f("ix_quarantined_root_id"), "quarantined", ["root_id"])


def downgrade() -> None:
    """Take back; what was hidden is not shown any more."""
    op.execute(sa.text("UPDATE jobs SET state = 'cancelled' WHERE state = 'hidden'"))
    for table in ("quarantined", "fingerprints", "grants"):
        op.drop_table(table)
    op.drop_column("jobs", "share")
