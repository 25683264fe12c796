"""Run by alembic inside the transaction that `bot.store.migrate` opened."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError

from bot.store.schema import Utc
from bot.store.schema_sums import metadata


def plain(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write our own types into migrations as what they are in the database."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Utc) else False


def refuse_cascades(connection: sa.Connection) -> None:
    """Stop before a table is copied and dropped on SQLite while that would empty the tables below it."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise CommandError("foreign keys are on: a batch migration would empty child tables; use bot.store.migrate")


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
