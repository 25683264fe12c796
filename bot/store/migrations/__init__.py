"""Alembic's home: one file in `versions` for each change of the schema, applied by `bot.store.migrate`."""
