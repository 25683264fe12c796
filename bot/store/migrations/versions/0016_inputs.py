"""What each job was made from, through any input, found in the specs of the jobs that are there."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_PAGE = 2000
_NAMED = """
SELECT id, parent_id, parent_cell, spec FROM jobs WHERE id > :after AND (
    parent_id IS NOT NULL OR spec LIKE '%"also"\\:[{%' OR spec LIKE '%"origin"\\:{%' OR spec LIKE '%"origins"\\:["%'
) ORDER BY id LIMIT :most
"""
"""Jobs from words of their asker alone, by far the most, are not read into memory."""


def upgrade() -> None:
    """Apply."""
    inputs = op.create_table(
        "inputs",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("input_id", sa.String(length=16), nullable=False),
        sa.Column("is_picture", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_inputs_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "input_id", name=op.f("pk_inputs")),
    )
    connection, after = op.get_bind(), ""
    while found := connection.execute(sa.text(_NAMED), {"after": after, "most": _PAGE}).all():
        op.bulk_insert(inputs, [row for job in found for row in _rows(job)])
        after = found[-1].id
    op.create_index(op.f("ix_inputs_input_id"), "inputs", ["input_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("inputs")


def _rows(job: sa.Row[Any]) -> list[dict[str, Any]]:
    named = dict.fromkeys(_pictures(job.spec), True)
    if job.parent_id is not None:
        named.setdefault(job.parent_id, job.parent_cell is not None)
    return [{"job_id": job.id, "input_id": one, "is_picture": is_picture} for one, is_picture in named.items()]


def _pictures(said: str) -> list[str]:
    """The jobs whose pictures a spec names; none where this version cannot read it."""
    try:
        spec: dict[str, Any] = json.loads(said)
        cells: list[Any] = [spec.get("source"), spec.get("origin"), *(spec.get("also") or ())]
        style: dict[str, Any] = spec["options"].get("kept_style") or {}
        named: list[Any] = [*(cell["job_id"] for cell in cells if cell), *(style.get("origins") or ())]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
    return [one for one in named if isinstance(one, str) and len(one) <= 16]
