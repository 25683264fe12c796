"""What SQLite's ANALYZE says of a year of a busy server, so that small tables are planned for as if they were large."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

STATS = (
    ("cells", "sqlite_autoindex_cells_1", "605880 3 1"),
    ("inputs", "ix_inputs_input_id", "108416 4"),
    ("inputs", "sqlite_autoindex_inputs_1", "108416 2 1"),
    ("jobs", "ix_jobs_cancelled", "6120 1"),
    ("jobs", "ix_jobs_created", "207100 1"),
    ("jobs", "ix_jobs_guild_created", "231660 401 1"),
    ("jobs", "ix_jobs_member_created", "221540 201 1"),
    ("jobs", "ix_jobs_message", "156648 1"),
    ("jobs", "ix_jobs_outside", "12600 1"),
    ("jobs", "ix_jobs_parent", "108416 6"),
    ("jobs", "ix_jobs_rendered", "1004416 2 1 1 1"),
    ("jobs", "ix_jobs_unfinished", "12 1 1 1"),
    ("jobs", "sqlite_autoindex_jobs_1", "202446 1"),
    ("jobs", "sqlite_autoindex_jobs_2", "166124 1 1"),
    ("member_days", "ix_member_days_member_id", "210270 81"),
    ("member_days", "member_days", "207480 401 11 1"),
    ("model_days", "model_days", "5625 401 3 1"),
    ("outcomes", "sqlite_autoindex_outcomes_1", "3 1"),
    ("posts", "ix_posts_job_id", "202446 1"),
    ("posts", "sqlite_autoindex_posts_1", "150792 1"),
    ("quota_counters", "ix_quota_counters_ends_at", "146640 51"),
    ("quota_counters", "sqlite_autoindex_quota_counters_1", "142450 401 401 401 401 1"),
    ("reservations", "ix_reservations_created_at", "11118 1"),
    ("reservations", "ix_reservations_member_id", "25114 12"),
    ("reservations", "sqlite_autoindex_reservations_1", "22563 1"),
    ("uploads", "ix_uploads_key", "49914 2"),
    ("uploads", "sqlite_autoindex_uploads_1", "52272 1 1"),
)


async def pretend_a_year(connection: AsyncConnection) -> None:
    """Let the planner of later connections believe that the tables are as large as after a year."""
    await connection.exec_driver_sql("ANALYZE")
    await connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    await connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", list(STATS))
