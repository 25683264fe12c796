"""Run by alembic inside the transaction that `bot.store.migrate` opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from bot.store.schema import Utc
from bot.store.schema_rounds import rounds as rounds
from bot.store.schema_sums import metadata


def plain(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write our own types into migrations as what they are in the database."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Utc) else False


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
