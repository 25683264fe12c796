"""A database of its own on the PostgreSQL server that the tests are offered."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

OFFERED = "DARKROOM_TEST_POSTGRES"


class FreshPostgres:
    """A database of its own on the offered server, dropped afterwards."""

    def __init__(self) -> None:
        offered = os.environ.get(OFFERED)
        if not offered:
            pytest.skip(f"no PostgreSQL offered in {OFFERED}")
        self._server = sa.make_url(offered).set(drivername="postgresql+asyncpg")
        self._name = f"darkroom_{uuid.uuid4().hex[:12]}"

    async def __aenter__(self) -> str:
        await self._run(f'CREATE DATABASE "{self._name}"')
        return self._server.set(database=self._name).render_as_string(hide_password=False)

    async def __aexit__(self, *_: object) -> None:
        await self._run(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    async def _run(self, statement: str) -> None:
        engine = create_async_engine(self._server, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(sa.text(statement))
        await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'darkroom.sqlite3'}"
        return
    async with FreshPostgres() as url:
        yield url
