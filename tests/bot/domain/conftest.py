from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.domain.studios import StoredStudio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoredStudio]:
    opened = await StoredStudio(tmp_path).open()
    yield opened
    await opened.close()
