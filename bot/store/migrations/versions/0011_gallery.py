"""The gallery: channels that everybody can read, makers' choices, and members who agreed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_AGREED: sa.ColumnElement[bool] = sa.literal_column("settings LIKE '%\"gallery\":true%'")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "open_channels",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_open_channels")),
    )
    op.create_index(op.f("ix_open_channels_guild_id"), "open_channels", ["guild_id"])
    op.create_table(
        "gallery_choices",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_gallery_choices_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_gallery_choices")),
    )
    op.create_index(op.f("ix_posts_channel_id"), "posts", ["channel_id"])
    op.create_index("ix_members_gallery", "members", ["member_id"], sqlite_where=_AGREED, postgresql_where=_AGREED)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_posts_channel_id"), "posts")
    op.drop_index("ix_members_gallery", "members")
    op.drop_table("gallery_choices")
    op.drop_table("open_channels")
