from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.court import Court


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    opened = Court(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors
