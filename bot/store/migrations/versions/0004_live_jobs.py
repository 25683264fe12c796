"""An index that counts live jobs by itself, and a log that cannot be emptied or written over either."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("state IN ('queued', 'running', 'rendered', 'review')")
_GUARD = {
    "sqlite": "CREATE TRIGGER audit_log_REPLACE BEFORE INSERT ON audit_log "
    "WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    "postgresql": "CREATE TRIGGER audit_log_is_kept BEFORE TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()",
}
_UNGUARD = {
    "sqlite": "DROP TRIGGER audit_log_REPLACE",
    "postgresql": "DROP TRIGGER audit_log_is_kept ON audit_log",
}


def upgrade() -> None:
    """Apply."""
    _index(["member_id", "state", "created_at"])
    op.execute(_GUARD[op.get_context().dialect.name])


def downgrade() -> None:
    """Take back."""
    op.execute(_UNGUARD[op.get_context().dialect.name])
    _index(["member_id", "created_at"])


def _index(columns: list[str]) -> None:
    op.drop_index("ix_jobs_unfinished", "jobs")
    op.create_index("ix_jobs_unfinished", "jobs", columns, sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED)
