"""What an interaction has done is written with it: taken up again after a crash, it is not done twice."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = ["interaction_id", "action", "done"]


def upgrade() -> None:
    """Apply."""
    op.add_column("audit_log", sa.Column("interaction_id", sa.BigInteger()))
    op.create_index("uq_audit_log_interaction_id", "audit_log", _COLUMNS, unique=True)


def downgrade() -> None:
    """Take back."""
    op.drop_index("uq_audit_log_interaction_id", "audit_log")
    op.drop_column("audit_log", "interaction_id")
