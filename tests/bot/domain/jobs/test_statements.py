"""How often the database is asked in the life of one job: what each job costs the processor is mostly that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import event

from bot.domain.model import JobState
from engine.events import Started
from tests.bot.domain.studios import StoredStudio
from tests.patience import until

LIFE = {
    # accepted
    "INSERT INTO jobs": 1, "INSERT INTO reservations": 1, "INSERT INTO quota_counters": 1,
    # started, kept, delivered
    "UPDATE jobs": 3, "INSERT INTO cells": 1, "UPDATE reservations": 1, "UPDATE quota_counters": 1,
    "INSERT INTO member_days": 1, "INSERT INTO model_days": 1, "INSERT INTO outbox": 1,
    "DELETE FROM outbox": 1, "INSERT INTO posts": 1, "INSERT INTO outcomes": 1,
    # looked for what is owed, read what is shown
    "SELECT outbox.job_id": 1, "SELECT jobs.id": 1, "SELECT cells.job_id": 1,
    "BEGIN IMMEDIATE": 4, "BEGIN": 3,
}  # fmt: skip


async def delivered(house: StoredStudio, number: int) -> None:
    """Draw one picture without asking the database how far it is."""
    await house.submit()
    stream = await house.engine.stream(number)
    stream.post(Started("cpu"))
    stream.finish()
    worker = house.job_service._outbox_worker
    await until(lambda: len(house.wall.delivered) > number)
    await until(lambda: not house.job_service.running and not worker._under_way)


async def test_a_job_is_so_many_statements(house: StoredStudio) -> None:
    await delivered(house, 0)  # reads the rules of the server
    said = Counter[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        words = statement.replace(",", " ").split()
        said[" ".join(words[: 3 if words[0] in ("INSERT", "DELETE") else 2])] += 1

    for name in ("_writer", "_reader", "_student"):
        event.listen(getattr(house.database, name).sync_engine, "before_cursor_execute", note)
    await delivered(house, 1)
    assert said == LIFE and said.total() == 25
    assert {job.state for job in await house.jobs.recent(1, 9)} == {JobState.DELIVERED}
