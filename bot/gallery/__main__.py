"""The gallery as a child of the bot: reads its plan as JSON from the first line of stdin, and ends with stdin."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

from bot.errors import BotError
from bot.gallery.plan import GalleryPlan
from bot.gallery.server import serve, step_back
from bot.log import configure


async def _run(plan: GalleryPlan) -> None:
    async with serve(plan):
        # The pipe closes when the bot ends, however it ends.
        await asyncio.to_thread(sys.stdin.read)


def main() -> int:
    """Serve until stdin ends. Returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the bot ends this process
    plan = GalleryPlan.model_validate_json(sys.stdin.readline())
    configure(plan.log_level, plan.log_format)
    step_back()
    try:
        asyncio.run(_run(plan))
    except BotError as error:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"darkroom gallery: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
