"""The databases of the store's tests, for what operates on them."""

from tests.bot.store.postgres import url

__all__ = ["url"]
