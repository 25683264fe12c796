"""The databases of the store's tests, for what operates on them."""

from tests.bot.store.conftest import url

__all__ = ["url"]
