"""The hall of the gallery's tests, on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.bot.gallery.hall import Hall, Visitor, hall, visiting
from tests.bot.store.postgres import FreshPostgres


@pytest.fixture(name="hall", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def hall_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hall]:
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(FreshPostgres()) if request.param == "postgresql" else None
        yield await opened.enter_async_context(hall(tmp_path, url))


@pytest.fixture
async def visitor(hall: Hall) -> AsyncIterator[Visitor]:
    async with visiting(hall) as visitor:
        yield visitor
