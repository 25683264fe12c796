"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=24), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("member_name", sa.Text(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("ask_index", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.String(length=16), nullable=True),
        sa.Column("parent_cell", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("token_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("estimate_ms", sa.Float(), nullable=False),
        sa.Column("gpu_ms", sa.Float(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("captions", sa.JSON(), nullable=False),
        sa.Column("spoiler", sa.Boolean(), nullable=False),
        sa.Column("frames_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rendered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("interaction_id", "ask_index", name=op.f("uq_jobs_interaction_id_ask_index")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_created", ["created_at"], unique=False)
        batch_op.create_index("ix_jobs_rendered", ["rendered_at"], unique=False)
        batch_op.create_index("ix_jobs_message", ["message_id"], unique=False)
        batch_op.create_index("ix_jobs_guild_created", ["guild_id", "created_at"], unique=False)
        batch_op.create_index("ix_jobs_member_created", ["member_id", "created_at"], unique=False)
        batch_op.create_index("ix_jobs_parent", ["parent_id"], unique=False)
        batch_op.create_index(
            "ix_jobs_token",
            ["token_until"],
            unique=False,
            sqlite_where=sa.text("token_until IS NOT NULL"),
            postgresql_where=sa.text("token_until IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_jobs_unfinished",
            ["member_id", "created_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'running', 'rendered', 'review')"),
            postgresql_where=sa.text("state IN ('queued', 'running', 'rendered', 'review')"),
        )

    op.create_table(
        "members",
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_members")),
    )
    op.create_table(
        "timings",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("size_class", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("ms_per_image", sa.Float(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", "kind", "size_class", "steps", name=op.f("pk_timings")),
    )
    op.create_table(
        "cells",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("cell", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("unsafe_score", sa.Float(), nullable=True),
        sa.Column("check_error", sa.Text(), nullable=False),
        sa.Column("latents_key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_cells_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "cell", name=op.f("pk_cells")),
    )
    op.create_table(
        "favourites",
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("cell", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_favourites_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("member_id", "job_id", "cell", name=op.f("pk_favourites")),
    )
    with op.batch_alter_table("favourites", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_favourites_job_id"), ["job_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_outbox_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_due_at"), ["due_at"], unique=False)

    op.create_table(
        "posts",
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("cell", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_posts_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_posts")),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_posts_job_id"), ["job_id"], unique=False)

    op.create_table(
        "uploads",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_uploads_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "key", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploads_key"), ["key"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_uploads_key"))

    op.drop_table("uploads")
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_posts_job_id"))

    op.drop_table("posts")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_due_at"))

    op.drop_table("outbox")
    with op.batch_alter_table("favourites", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_favourites_job_id"))

    op.drop_table("favourites")
    op.drop_table("cells")
    op.drop_table("timings")
    op.drop_table("members")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_jobs_unfinished",
            sqlite_where=sa.text("state IN ('queued', 'running', 'rendered', 'review')"),
            postgresql_where=sa.text("state IN ('queued', 'running', 'rendered', 'review')"),
        )
        batch_op.drop_index(
            "ix_jobs_token",
            sqlite_where=sa.text("token_until IS NOT NULL"),
            postgresql_where=sa.text("token_until IS NOT NULL"),
        )
        batch_op.drop_index("ix_jobs_parent")
        batch_op.drop_index("ix_jobs_member_created")
        batch_op.drop_index("ix_jobs_guild_created")
        batch_op.drop_index("ix_jobs_message")
        batch_op.drop_index("ix_jobs_rendered")
        batch_op.drop_index("ix_jobs_created")

    op.drop_table("jobs")
