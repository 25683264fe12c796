"""Two bots on one database: the second is refused, whatever became of the first it is not locked out for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.app import build
from bot.cli.verbs import CONFIGURATION_WRONG
from bot.errors import ConfigError, StoreError
from bot.settings import Settings
from bot.store.database import Database
from bot.store.schema import members
from bot.store.single_instance import sole_use
from tests.patience import PATIENCE_S, until

ROOT = Path(__file__).parents[3]
OTHER_BOT = """
import asyncio, sys
from bot.store.database import Database
from bot.store.single_instance import sole_use

async def main():
    async with sole_use(await Database.open(sys.argv[1])):
        print("mine", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def other_bot(url: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER_BOT, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"mine\n"
    return process


async def test_a_second_bot_is_let_in_only_when_the_first_is_gone(url: str, database: Database) -> None:
    first = await other_bot(url)
    try:
        with pytest.raises(ConfigError, match="used by another bot"):
            async with sole_use(database, patience_s=0.0):
                pytest.fail("both would run")
    finally:
        first.send_signal(signal.SIGKILL)
        await first.wait()
    async with sole_use(database) as lost:
        assert not lost.done()


async def test_who_ends_leaves_the_database_to_the_next(url: str) -> None:
    for _ in range(2):
        database = await Database.open(url)
        async with sole_use(database, patience_s=5.0):
            pass
        await database.close()


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_bot_replaced_while_cut_off_hears_of_it(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.single_instance.LOOK_S", 0.05)
    monkeypatch.setattr("bot.store.single_instance.RETAKE_S", 5.0)  # the other one must come first
    async with sole_use(database, patience_s=0.0) as lost:
        other = await Database.open(url)
        cut = sa.text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        async with other.write() as connection:
            await connection.execute(cut)
        async with sole_use(other):
            await until(lost.done)
            with pytest.raises(ConfigError, match="used by another bot"):
                lost.result()
        await other.close()


CUT_HOLDER = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1936682085 AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)
WAITS = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


async def until_waits_for_writes(database: Database) -> None:
    """Until somebody has the lock and waits for the last holder's writes."""
    async with asyncio.timeout(PATIENCE_S), database.read() as connection:
        while not await connection.scalar(WAITS):
            await connection.commit()
            await asyncio.sleep(0.01)


async def write(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(sa.insert(members).values(member_id=1, settings="{}"))


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_two_bots_never_both_write(url: str, database: Database) -> None:
    other = await Database.open(url)
    async with sole_use(database, patience_s=0.0):
        async with database.write() as begun:  # asked before the cut: it is over before the other one may write
            await begun.execute(sa.insert(members).values(member_id=7, settings="{}"))
            async with other.write() as connection:
                await connection.execute(CUT_HOLDER)
            taking = asyncio.create_task(sole_use(other, patience_s=5.0).__aenter__())
            await until_waits_for_writes(other)
            assert not taking.done()
        async with other.read() as connection:
            await asyncio.wait_for(taking, PATIENCE_S)
            assert await connection.scalar(sa.select(sa.func.count()).select_from(members)) == 1
        with pytest.raises(StoreError, match="in doubt"):
            await write(database)
        await write(other)
    await other.close()


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_cut_without_another_bot_costs_a_moment(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.single_instance.RETAKE_S", 0.01)
    other = await Database.open(url)
    async with sole_use(database, patience_s=0.0) as lost:
        async with other.write() as connection:
            await connection.execute(CUT_HOLDER)
        with pytest.raises(StoreError, match="in doubt"):
            await write(database)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await write(database)
                except StoreError:
                    await asyncio.sleep(0.01)
                else:
                    break
        assert not lost.done()
    await other.close()


async def test_run_leaves_the_schema_of_a_bot_that_runs(tmp_path: Path) -> None:
    database = await Database.connect(tmp_path / "darkroom.sqlite3")
    async with sole_use(database):
        with pytest.raises(ConfigError, match="used by another bot"):
            async with build(Settings(data_dir=tmp_path)):
                pytest.fail("both would run")
        assert await database.revision() is None
    await database.close()


async def test_darkroom_run_says_so_and_ends(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    async with sole_use(database):
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run"),
            cwd=ROOT,
            env={**os.environ, "DARKROOM_DATA_DIR": str(tmp_path), "DISCORD_TOKEN": "not-needed-so-far"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await second.communicate()
    await database.close()
    assert second.returncode == CONFIGURATION_WRONG
    assert "is used by another bot" in " ".join(said.decode().split())
