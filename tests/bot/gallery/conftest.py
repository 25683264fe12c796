"""The hall of the gallery's tests, on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.gallery.hall import Hall, Visitor, hall, visiting


@pytest.fixture(name="hall")
async def hall_fixture(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


@pytest.fixture
async def visitor(hall: Hall) -> AsyncIterator[Visitor]:
    async with visiting(hall) as visitor:
        yield visitor
