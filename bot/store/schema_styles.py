"""The table of style pictures that members keep by name."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import Utc, metadata

kept_styles = sa.Table(
    "kept_styles",
    metadata,
    # Whose the name is: the member's id, or the server's where all of its members may use it.
    sa.Column("scope_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(32), primary_key=True),
    # The pictures of one name, in their order.
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, index=True),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    # Who saved it.
    sa.Column("member_id", sa.BigInteger, nullable=False, index=True),
    # The job whose picture it is; no foreign key: the copy stays when the job is deleted.
    sa.Column("origin_id", sa.String(16)),
    sa.Column("created_at", Utc, nullable=False),
)
