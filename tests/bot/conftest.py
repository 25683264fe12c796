"""Simulated servers for every test of the bot, and databases that begin with the newest schema."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from bot.ui.content.translation import LOCALES
from tests.bot.copied_plainly import copied_plainly
from tests.bot.decoded_here import decoded_here as decoded_here
from tests.bot.game_table import Table
from tests.bot.store.compiled_once import compiled_once
from tests.bot.store.schema_template import copied_schema as copied_schema
from tests.bot.translated_once import translated_once
from tests.bot.world import World


@pytest.fixture(scope="session", autouse=True)
def spoken_languages() -> Iterator[None]:
    """discord.py asks for every word in 34 languages at each start of a client; there are files for some."""
    spoken = tuple(LOCALES)
    with (
        patch("discord.app_commands.commands.Locale", spoken),
        patch("discord.app_commands.transformers.Locale", spoken),
        translated_once(),
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def known_statements() -> Iterator[None]:
    """The store's statements are compiled by whichever test is first to run them."""
    with compiled_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def plain_copies() -> Iterator[None]:
    """What the simulated Discord holds is copied by hand."""
    with copied_plainly():
        yield


@pytest.fixture
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A server with two members, the real client, and a studio that follows a script."""
    made = World(tmp_path, **getattr(request, "param", {}))
    await made.start()
    yield made
    await made.stop()
    assert not made.env.errors


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    """A channel that plays games."""
    opened = Table(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors
