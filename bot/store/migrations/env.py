"""Run by alembic inside the transaction that `bot.store.migrate` opened."""

from __future__ import annotations

import re
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError
from sqlalchemy import event

from bot.store.schema import Utc
from bot.store.schema_bots import bots as bots
from bot.store.schema_consent import grants as grants
from bot.store.schema_gallery import open_channels as open_channels
from bot.store.schema_games import games as games
from bot.store.schema_rounds import rounds as rounds
from bot.store.schema_shows import show_plans as show_plans
from bot.store.schema_styles import kept_styles as kept_styles
from bot.store.schema_sums import metadata


def plain(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write our own types into migrations as what they are in the database."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Utc) else False


_CHILDREN = 'SELECT 1 FROM sqlite_master AS child, pragma_foreign_key_list(child.name) AS key WHERE key."table" = ?'
_DROP = re.compile(r"\s*DROP TABLE (?:IF EXISTS )?\W?(\w+)", re.IGNORECASE)


def refuse_cascades(connection: sa.Connection) -> None:
    """On SQLite, stop before a table is dropped while that would empty the tables below it.

    A batch migration copies a table and drops the old one; with foreign keys on, every row that refers to it goes too.
    """

    def before(asked: sa.Connection, _cursor: object, statement: str, *_more: object) -> None:
        if (drop := _DROP.match(statement)) is None or not asked.exec_driver_sql("PRAGMA foreign_keys").scalar():
            return
        if asked.exec_driver_sql(_CHILDREN, (drop[1],)).first() is not None:
            raise CommandError(f"foreign keys are on, dropping {drop[1]} would empty its child tables: migrate without")

    if connection.dialect.name == "sqlite":
        event.listen(connection, "before_cursor_execute", before)


refuse_cascades(context.config.attributes["connection"])
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
    transactional_ddl=True,
    render_item=plain,
)
with context.begin_transaction():
    context.run_migrations()
