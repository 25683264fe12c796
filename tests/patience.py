"""How long tests wait for what will come: a guard against hanging, so generous that no loaded machine reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE_S = 60.0
POLL_S = 0.005


async def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Wait for what has no event to wait on: another process, Discord, a background task."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL_S)
