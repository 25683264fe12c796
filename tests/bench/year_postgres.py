"""The same year in PostgreSQL: every row of a SQLite file of this build, copied table by table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from bot.store.connections import locate
from bot.store.database import Database
from bot.store.schema_sums import metadata

_AT_ONCE = 20_000


async def copy_year(file: Path, url: str) -> None:
    """Make the tables in an empty database, and fill them from the file."""
    database = await Database.open(url)
    await database.close()
    source, target = create_async_engine(locate(file)), create_async_engine(locate(url))
    async with source.connect() as rows, target.connect() as copied:
        driver: Any = (await copied.get_raw_connection()).driver_connection
        for table in metadata.sorted_tables:
            names, plain = [column.name for column in table.c], _plain(table)
            found = await rows.stream(sa.select(table))
            async for page in found.partitions(_AT_ONCE):
                records = [tuple(make(value) for make, value in zip(plain, row, strict=True)) for row in page]
                await driver.copy_records_to_table(table.name, records=records, columns=names)
        await driver.execute("ANALYZE")
    await source.dispose()
    await target.dispose()


def _plain(table: sa.Table) -> list[Callable[[Any], Any]]:
    """What makes a value of each column one that COPY takes: JSON is text there."""
    return [json.dumps if isinstance(column.type, sa.JSON) else _same for column in table.c]


def _same(value: Any) -> Any:
    return value
