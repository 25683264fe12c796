"""The tables of consent: whom members always let, how pictures are recognised, what is made from what, quarantine."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("owner_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # Whom the owner always lets make something of their pictures.
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("granted_at", Utc, nullable=False),
)

fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("job_id", sa.String(16), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("cell", sa.Integer, primary_key=True, autoincrement=False),
    # The 256 bits that decide, as 64 hexadecimal digits.
    sa.Column("bits", sa.String(64), nullable=False),
    # The four bands of a coarser one: where pictures are alike, one of them at least is the same.
    *(sa.Column(f"band{number}", sa.Integer, nullable=False, index=True) for number in range(4)),
)
"""How each kept picture is recognised when somebody uploads it again."""

inputs = sa.Table(
    "inputs",
    metadata,
    sa.Column("job_id", sa.String(16), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    # No foreign key: it may be deleted by now.
    sa.Column("input_id", sa.String(16), primary_key=True, index=True),
    # False where only its words are drawn again.
    sa.Column("is_picture", sa.Boolean, nullable=False),
)
"""What each job was made from: the jobs whose pictures it uses through any input, and those whose words it draws."""

quarantined = sa.Table(
    "quarantined",
    metadata,
    sa.Column("job_id", sa.String(16), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    # The job whose quarantine hides it; no foreign key: what was made of a deleted picture stays hidden until lifted.
    sa.Column("root_id", sa.String(16), primary_key=True, index=True),
    # The state to which it comes back.
    sa.Column("was", sa.String(16), nullable=False),
)
"""Each hidden job, once for each quarantine that hides it."""
