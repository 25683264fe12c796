"""Opening, migrating, refusing: what happens to the database file before anybody uses it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import aiosqlite
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError

from bot.domain.model import JobSpec, Options, Verb
from bot.errors import ConfigError, MigrationFailed, StoreError
from bot.store import migrate
from bot.store.connections import engines, locate, shown
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.schema import jobs, members, metadata, posts
from tests.bot.store import schema_template
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept
from tests.bot.store.postgres import FreshPostgres


@pytest.fixture(autouse=True)
def copied_schema() -> None:
    """Here the migrations run for each new database."""


async def test_a_copied_schema_is_the_migrated_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of the bot begin with a copy."""
    await (await Database.open(tmp_path / "migrated.sqlite3")).close()
    monkeypatch.setattr(migrate, "upgrade", schema_template.upgrade)
    await (await Database.open(tmp_path / "copied.sqlite3")).close()
    monkeypatch.setattr(schema_template, "REAL", None)
    await (await Database.open(tmp_path / "again.sqlite3")).close()
    migrated, copied, again = (_dump(tmp_path / f"{name}.sqlite3") for name in ("migrated", "copied", "again"))
    assert migrated == copied == again and len(migrated) > 50


def _dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        pragmas = ("journal_mode", "auto_vacuum", "encoding", "page_size", "user_version", "foreign_key_check")
        # Sorted: migrations make the indexes of a table in any order.
        return sorted(
            [*connection.iterdump(), *(str(connection.execute(f"PRAGMA {name}").fetchall()) for name in pragmas)]
        )


async def test_the_migrations_lead_to_the_tables_in_the_code(database: Database) -> None:
    def difference(connection: sa.Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.write() as connection:
        assert await connection.run_sync(difference) == []


async def test_opened_by_several_at_once(url: str) -> None:
    opened = await asyncio.gather(*(Database.open(url) for _ in range(8)))
    async with opened[0].read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(jobs)) == 0
    await asyncio.gather(*(database.close() for database in opened))


async def test_what_was_stored_is_there_after_reopening(url: str) -> None:
    first = await Database.open(url)
    job = await accept(JobStore(first, NoLedger()))
    await first.close()
    second = await Database.open(url)
    assert await JobStore(second, NoLedger()).get(job.id) == job
    await second.close()


async def test_what_takes_long_leaves_quick_readers_alone(database: Database) -> None:
    async def third() -> None:
        async with database.study():
            pass

    async with database.study(), database.study():
        waiting = asyncio.create_task(third())
        for _ in range(8):
            async with database.read() as connection:
                assert await connection.scalar(sa.select(1)) == 1
        assert not waiting.done()
    await waiting


async def test_a_newer_schema_is_refused_and_left_alone(url: str) -> None:
    database = await Database.open(url)
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(MigrationFailed, match="newer Darkroom") as refused:
        await Database.open(url)
    assert refused.value.version == "9999"


async def test_a_copy_is_made_before_a_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "darkroom.sqlite3"
    database = await Database.open(file)
    job = await accept(JobStore(database, NoLedger()))
    await database.close()
    with closing(sqlite3.connect(file)) as connection:
        # A schema of the past: the one table that later migrations could be missing.
        connection.executescript("DROP TABLE timings; UPDATE alembic_version SET version_num = '0000'")
    old = tmp_path / "versions"
    old.mkdir()
    _write_revisions(old)
    monkeypatch.setattr(migrate, "_config", lambda: _config(old))
    await (await Database.open(file)).close()
    [copy] = (tmp_path / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT id FROM jobs").fetchall() == [(job.id,)]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0000",)]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "darkroom.sqlite3"
    await (await Database.open(file)).close()
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "a.py").write_text(_REVISION.format(revision=migrate.head(), down=None, body="pass"))
    broken = "op.drop_table('posts'); op.execute('SELECT * FROM nowhere')"
    (versions / "b.py").write_text(_REVISION.format(revision="9999", down=migrate.head(), body=broken))
    monkeypatch.setattr(migrate, "_config", lambda: _config(versions))
    with pytest.raises(MigrationFailed, match="nowhere"):
        await Database.open(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM posts").fetchone() == (0,)


_BATCH = """with op.batch_alter_table('jobs', recreate='always') as batch:
        batch.alter_column('member_name', nullable=True)"""


async def test_a_batch_migration_keeps_the_tables_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, versions = tmp_path / "darkroom.sqlite3", tmp_path / "versions"
    database = await Database.open(file)
    store = JobStore(database, NoLedger())
    job = await store.claim(await accept(store, ask(spec_fields={"images": ("uploads/a.png",)})))
    await store.delivered(await store.keep(job, kept(job), NOW), 77, NOW)
    other = await store.claim(await accept(store))
    await store.keep(other, kept(other), NOW)
    before = await _counts(database)
    await database.close()
    versions.mkdir()
    (versions / "a.py").write_text(_REVISION.format(revision=migrate.head(), down=None, body="pass"))
    (versions / "b.py").write_text(_REVISION.format(revision="9999", down=migrate.head(), body=_BATCH))
    monkeypatch.setattr(migrate, "_config", lambda: _config(versions))
    migrated = await Database.open(file)
    assert await _counts(migrated) == before and before["cells"] == 8 and before["outbox"] == 1
    async with migrated.write() as connection:
        assert await connection.scalar(sa.text("PRAGMA foreign_keys")) == 1
        await connection.execute(sa.delete(jobs))
    assert (await _counts(migrated))["cells"] == 0, "cells still go with their job"
    await migrated.close()


async def _counts(database: Database) -> dict[str, int | None]:
    async with database.read() as connection:
        return {
            table.name: await connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in metadata.sorted_tables
        }


async def test_a_migration_that_would_empty_tables_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = tmp_path / "versions"
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    store = JobStore(database, NoLedger())
    job = await store.claim(await accept(store))
    await store.keep(job, kept(job), NOW)
    versions.mkdir()
    (versions / "a.py").write_text(_REVISION.format(revision=migrate.head(), down=None, body="pass"))
    (versions / "b.py").write_text(_REVISION.format(revision="9999", down=migrate.head(), body=_BATCH))
    monkeypatch.setattr(migrate, "_config", lambda: _config(versions))
    with pytest.raises(CommandError, match="dropping jobs would empty"):
        async with database.write() as connection:  # a transaction of its own, with foreign keys on
            await connection.run_sync(migrate._apply)
    assert (await _counts(database))["cells"] == 4
    await database.close()


async def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    for connect in (database.read, database.write):
        async with connect() as connection:
            pragmas = {
                name: await connection.scalar(sa.text(f"PRAGMA {name}"))
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}
    await database.close()


async def test_a_statement_goes_to_the_thread_and_back_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    trips: list[object] = []
    go = aiosqlite.Connection._execute
    monkeypatch.setattr(
        aiosqlite.Connection, "_execute", lambda self, fn, *more: trips.append(fn) or go(self, fn, *more)
    )
    async with database.write() as connection:
        assert (await connection.scalars(sa.select(jobs.c.id))).all() == []
    assert len(trips) == len(("begin", "select", "commit"))
    await database.close()


async def test_a_write_that_is_cut_off_leaves_nothing(database: Database) -> None:
    row = {"member_id": 1, "settings": "{}"}
    begun = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(members).values(row))
            begun.set()
            await asyncio.Event().wait()

    writing = asyncio.create_task(write())
    await begun.wait()
    writing.cancel()
    await asyncio.wait({writing})
    async with database.write() as connection:
        await connection.execute(sa.insert(members).values(row))
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(members)) == 1


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "darkroom.sqlite3"
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigError, match=r"darkroom\.sqlite3 cannot be opened: file is not a database"):
        await Database.open(file)


async def test_a_silent_server_is_named_without_the_password() -> None:
    with pytest.raises(ConfigError, match="cannot be opened") as failed:
        await Database.open("postgresql://somebody:secret@127.0.0.1:1/darkroom", patience_s=0.0)
    assert "somebody" in str(failed.value)
    assert "secret" not in str(failed.value)


@pytest.mark.postgres
async def test_a_database_that_is_not_there_is_named() -> None:
    async with FreshPostgres() as url:
        with pytest.raises(ConfigError, match="does not exist"):
            await Database.open(_elsewhere(url), patience_s=0.0)


def _elsewhere(url: str) -> str:
    """The same server, which may be named behind the database, with a database that it does not have."""
    located = sa.make_url(url)
    return located.set(database=f"{located.database}_not").render_as_string(hide_password=False)


async def test_errors_are_ours_and_tell_no_secret(database: Database) -> None:
    row = {"message_id": 1, "channel_id": 1, "job_id": "a secret", "cell": None}
    with pytest.raises(StoreError) as failed:
        async with database.write() as connection:
            await connection.execute(sa.insert(posts).values(row))
            await connection.execute(sa.insert(posts).values(row))
    assert failed.value.__cause__ is not None
    assert "a secret" not in f"{failed.value} {failed.value.__cause__}".partition("DETAIL")[0]


@pytest.mark.parametrize("url", ["not a url", "mysql://somewhere/x", "sqlite://", "sqlite:///:memory:"])
async def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        await Database.open(url)


_REVISION = """
from alembic import op
revision = {revision!r}
down_revision = {down!r}
def upgrade():
    {body}
"""


def _write_revisions(folder: Path) -> None:
    (folder / "a.py").write_text(_REVISION.format(revision="0000", down=None, body="pass"))
    (folder / "b.py").write_text(_REVISION.format(revision="9999", down="0000", body="op.execute('SELECT 1')"))


def _config(versions: Path) -> migrate.Config:
    config = migrate.Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    return config


def test_a_password_is_never_shown_wherever_it_stands() -> None:
    for secret in ("postgresql://ada:hunter2@host/db", "postgresql://ada@host/db?password=hunter2&ssl=require"):
        assert "hunter2" not in shown(locate(secret)) and "ada" in shown(locate(secret))


async def test_a_database_out_of_reach_is_named_without_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        await Database.open("postgresql://ada@127.0.0.1:1/db?password=hunter2", patience_s=0.0)
    assert "hunter2" not in str(caught.value) and "127.0.0.1" in str(caught.value)


async def test_a_server_that_goes_away_later_is_a_store_error() -> None:
    database = Database(*engines(locate("postgresql://ada@127.0.0.1:1/db")))
    for opened in (database.read, database.write, database.study):
        with pytest.raises(StoreError, match="the database failed"):
            async with opened():
                pytest.fail("nothing is there")
    await database.close()


async def test_whose_earlier_uploads_are_is_found_out(tmp_path: Path) -> None:
    file = tmp_path / "darkroom.sqlite3"
    database = await Database.open(file)
    store, spec = (
        JobStore(database, NoLedger()),
        JobSpec(verb=Verb.IMAGINE, options=Options(prompt="x"), seed=1, images=("uploads/a.png",)),
    )
    first = await accept(store, ask(member=7, spec=spec), NOW)
    second = await accept(store, ask(member=8, spec=spec), NOW + timedelta(hours=1))
    await database.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "DROP INDEX ix_uploads_member_id; ALTER TABLE uploads DROP COLUMN member_id; DROP TABLE extracts; "
            "DROP TABLE pending_answers; DROP TABLE shards; DROP TABLE bots; "
            "DROP TABLE players; DROP TABLE games; DROP TABLE sealed_words; ALTER TABLE jobs DROP COLUMN share; "
            "DROP TABLE grants; DROP TABLE fingerprints; DROP TABLE quarantined; "
            "DROP TABLE inputs; DROP TABLE kept_styles; DROP TABLE open_channels; DROP TABLE show_plans; "
            "DROP TABLE fame_credits; DROP TABLE fame; "
            "DROP TABLE gallery_choices; DROP INDEX ix_members_gallery; DROP INDEX ix_posts_channel_id; "
            "DROP TABLE entries; DROP TABLE ballots; DROP TABLE rounds; UPDATE alembic_version SET version_num = '0006'"
        )
    await (await Database.open(file)).close()
    with closing(sqlite3.connect(file)) as connection:
        rows = dict(connection.execute("SELECT job_id, member_id FROM uploads").fetchall())
    assert rows == {first.id: 7, second.id: 7}
