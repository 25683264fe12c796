from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.world import World


@pytest.fixture
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A server with two members, the real client, and a studio that follows a script."""
    made = World(tmp_path, **getattr(request, "param", {}))
    await made.start()
    yield made
    await made.stop()
    assert not made.env.errors
