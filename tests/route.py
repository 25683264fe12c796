"""The way of one picture: which files of the bot's process and of the worker one `/imagine` enters: `make route`.

A file counts when one of its functions is called between the member's command and the delivered grid. What runs at
import, at start or at stop does not count, nor does what runs by the clock (`CLOCKS`, `BY_THE_CLOCK`).
"""

from __future__ import annotations

import asyncio
import functools
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from bot.tasks import Tasks
from engine import Engine, EngineSettings
from engine.catalogue.offer import Offer

ROOT = Path(__file__).parents[1]
CLOCKS = frozenset({"rounds", "games"})
"""Names of tasks that look whether something is due, whether a picture is drawn or not: see `bot.group_play`."""
BY_THE_CLOCK = ("bot/playground/", "bot/commands/presence.py", "bot/ui/interactions/dealt_shards.py")
"""What else runs whenever its time comes: the status line, and the shards that it asks."""
IS_BY_THE_CLOCK: ContextVar[bool] = ContextVar("is_by_the_clock", default=False)
TRACE = "route.txt"
"""The worker's list of files, in the engine's `models_dir`."""


class Route:
    """Collects the files whose functions are called, in the order of their first call."""

    def __init__(self) -> None:
        self._codes: dict[int, CodeType] = {}
        """By `id`: a code object's own hash takes longer than most calls."""

    def watch(self) -> None:
        """Begin, in this thread and in those that start later."""
        threading.setprofile(self._look)
        sys.setprofile(self._look)

    def forget(self) -> None:
        """Leave out what was called so far."""
        self._codes = {}

    def files(self, package: str) -> list[str]:
        """Paths below the repository's root."""
        names = [code.co_filename for code in list(self._codes.values())]
        below = [name.removeprefix(f"{ROOT}/") for name in names if name.startswith(f"{ROOT}/{package}/")]
        return list(dict.fromkeys(below))

    def _look(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        is_new = event == "call" and id(code) not in self._codes and code.co_name != "<module>"
        if is_new and not IS_BY_THE_CLOCK.get():
            self._codes[id(code)] = code


def leave_out_clocks(patch: Callable[[object, str, object], None]) -> None:
    """Mark the tasks of `CLOCKS`, the engine's looking at models, and what they begin, as running by the clock."""
    start, keep_looking = Tasks.start, Offer.keep_looking

    def marked(tasks: Tasks, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        return start(tasks, _by_the_clock(coroutine) if name in CLOCKS else coroutine, name)

    patch(Tasks, "start", marked)
    patch(Offer, "keep_looking", lambda offer: _by_the_clock(keep_looking(offer)))


async def _by_the_clock(coroutine: Coroutine[Any, Any, Any]) -> None:
    IS_BY_THE_CLOCK.set(True)
    await coroutine


def main(connection: Connection, settings: EngineSettings, device: str) -> None:
    """The entry point of a worker that writes down its route; see `engine.processes.child_main`."""
    from engine.worker import worker

    route = Route()
    route.watch()
    send = connection.send

    def noted(messages: tuple[object, ...]) -> None:
        send(messages)
        if any(type(message).__name__ == "LaneFinished" for message in messages):
            assert settings.models_dir
            (settings.models_dir / TRACE).write_text("\n".join(route.files("engine")))
            route.forget()

    connection.send = noted  # type: ignore[method-assign]
    worker.main(connection, settings, device)


async def walk(folder: Path) -> tuple[list[str], list[str]]:
    """Draw one picture with the whole bot; the files of the bot's process and of the worker."""
    import bot.app
    from bot.settings import Settings
    from tests.bot import whole as whole_bot
    from tests.patience import PATIENCE_S

    whole_bot.PATIENCE_S = 4 * PATIENCE_S  # traced, everything takes several times as long
    bot.app.Engine = functools.partial(Engine, entry="tests.route:main")  # type: ignore[assignment, misc]
    engine = EngineSettings(devices=("cpu",), models_dir=folder)
    leave_out_clocks(setattr)
    route = Route()
    route.watch()
    async with whole_bot.whole(Settings(data_dir=folder / "data", engine=engine)) as here:
        # The first picture only warms: models, encoders and merge proofs.
        await here.finished(await here.ada.slash(here.channel, "imagine", prompt="a cup --seed 3 --steps 4"))
        route.forget()
        await here.finished(await here.ada.slash(here.channel, "imagine", prompt="a red apple --seed 7 --steps 4"))
        ours = [*route.files("bot"), *route.files("engine")]
        ours = [name for name in ours if not name.startswith(BY_THE_CLOCK)]
        sys.setprofile(None)
    return ours, (folder / TRACE).read_text().splitlines()


def show() -> None:
    """Print both routes with their lengths."""
    with tempfile.TemporaryDirectory() as folder:
        for where, files in zip(("bot's process", "worker"), asyncio.run(walk(Path(folder))), strict=True):
            print(f"{where}: {len(files)} files", *files, sep="\n  ")


if __name__ == "__main__":
    show()
