"""What was acknowledged is done, once, however often and whenever the process is killed.

A few kills here; `make kills` does sixty, and says what became of the wishes.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.bot_process import BotProcess
from tests.integration.wired import was_told
from tests.wire.server import Discord, Thing, brief, is_grid, running, text
from tests.wire.world import Interaction

KILLS = int(os.environ.get("DARKROOM_TEST_KILLS", "5"))
SEED = int(os.environ.get("DARKROOM_TEST_SEED", "12"))
EACH_ROUND = 5
LONGEST_PAUSES_S = (0.3, 3.0, 9.0)
"""While it is acknowledged; while it is accepted; while it is drawn and shown."""

pytestmark = [pytest.mark.wire, pytest.mark.timeout(600 + 60 * KILLS)]


@dataclass
class Wish:
    """Something asked for, and how its end looks."""

    kind: str
    asked: Interaction
    is_done: Callable[[dict[str, Any]], bool]


@dataclass
class Crowd:
    """Members who type, press, and fill in forms at random; everybody asks for one thing."""

    discord: Discord
    dice: random.Random
    wishes: list[Wish] = field(default_factory=list)
    grid: dict[str, Any] = field(default_factory=dict)
    cell: dict[str, Any] = field(default_factory=dict)
    form: Interaction | None = None
    granted: dict[int, Wish] = field(default_factory=dict)
    members: int = 1000

    async def prepare(self) -> None:
        """A grid, one of its pictures, and an open form, to ask for more with."""
        asked = await self.discord.command("imagine", prompt="a red apple --steps 2")
        self.grid = await self.discord.until(lambda: self.discord.grid(asked))
        shown = await self.discord.press(self.grid, "U1")
        self.cell = await self.discord.until(lambda: (r := self.discord.reply(shown)) and r["attachments"] and r)
        self.form = await self.discord.press(self.cell, "Custom zoom")
        await self.discord.until(lambda: self.form and self.form.modal)

    async def ask(self) -> None:
        """One thing more."""
        self.members += 1
        kinds = (
            self._imagine,
            self._imagine,
            self._upload,
            self._vary,
            self._show,
            self._menu,
            self._zoom,
            self._grant,
        )
        await self.dice.choice(kinds)(self.members)

    async def _imagine(self, user: int) -> None:
        await self._note("imagine", self.discord.command("imagine", user, prompt=f"a fox {user} --steps 2"), is_grid)

    async def _upload(self, user: int) -> None:
        upload = self.discord.upload(picture())
        await self._note(
            "upload", self.discord.command("imagine", user, prompt="a fox --steps 2", image=upload), is_grid
        )

    async def _vary(self, user: int) -> None:
        await self._note("button", self.discord.press(self.grid, "V2", user), is_grid)

    async def _show(self, user: int) -> None:
        await self._note("show", self.discord.press(self.grid, "U3", user), lambda m: bool(m["attachments"]))

    async def _menu(self, user: int) -> None:
        await self._note("menu", self.discord.menu("Darkroom: vary", self.cell, user), is_grid)

    async def _zoom(self, user: int) -> None:
        assert self.form is not None
        self.form.payload["member"]["user"]["id"] = str(user)
        filled = {"zoom": "1.5", "prompt": "a fox --steps 2"}
        await self._note("form", self.discord.submit(self.form, filled), is_grid)

    async def _grant(self, user: int) -> None:
        grant = self.discord.command("quota grant", 9, moderator=True, member=Thing(6, str(user)), amount=7.0)
        await self._note("grant", grant, lambda m: m["content"].startswith("✅"))
        self.granted[user] = self.wishes[-1]

    async def _note(self, kind: str, asking: Awaitable[Interaction], is_done: Callable[[dict[str, Any]], bool]) -> None:
        self.wishes.append(Wish(kind, await asking, is_done))

    @property
    def acknowledged(self) -> list[Wish]:
        """The others saw that the bot did not answer."""
        return [wish for wish in self.wishes if wish.asked.acked_after is not None]

    def is_over(self, wish: Wish) -> bool:
        """It came to its end, or the member was told that it did not."""
        reply = self.discord.reply(wish.asked)
        return reply is not None and (wish.is_done(reply) or was_told(self.discord, wish.asked))


def picture() -> bytes:
    """Something to upload."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    return file.getvalue()


async def test_nothing_acknowledged_is_lost_or_doubled(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(SEED)
    async with running() as discord:
        process = BotProcess(
            discord, tmp_path / "data", model, DARKROOM_DISCORD__PICTURE_ORIGINS=f'["http://{discord.host}"]'
        )
        crowd = Crowd(discord, dice)
        try:
            await process.start()
            await crowd.prepare()
            for _ in range(KILLS):
                for _ in range(EACH_ROUND):
                    await crowd.ask()
                    await asyncio.sleep(dice.choice((0.0, 0.02, 0.2)))
                await asyncio.sleep(dice.choice(LONGEST_PAUSES_S) * dice.random())
                await process.kill()
                await process.start()
            for wish in crowd.acknowledged:
                await discord.until(lambda wish=wish: crowd.is_over(wish), 240)
            await discord.until(lambda: not process.rows("select 1 from outbox"), 120)
            await discord.until(lambda: (process.data / "promises.jsonl").read_text() == "", 60)
            figures = judged(crowd, process)
        finally:
            await process.stop()
    with capsys.disabled():
        taken_up = process.log.read_text(errors="replace").count(" taken up ")
        print(
            f"\n{KILLS} kills, {len(crowd.wishes)} wishes, {len(crowd.acknowledged)} acknowledged, {taken_up} taken up:"
        )
        print({what: len(found) for what, found in figures.items()})
    assert not any(figures.values()), process.said()
    assert discord.world.thinking() == [], [brief(message) for message in discord.world.shown()]
    assert discord.world.violations == []


def judged(crowd: Crowd, process: BotProcess) -> dict[str, list[str]]:
    """What became of the wishes, by what must not have."""
    discord, acknowledged = crowd.discord, crowd.acknowledged
    jobs = process.rows("select interaction_id, count(*), sum(state = 'delivered') from jobs group by interaction_id")
    delivered = {interaction_id: (total, well) for interaction_id, total, well in jobs}
    drawn = [wish for wish in acknowledged if wish.is_done is is_grid]
    (due,) = process.rows("select coalesce(sum(count), 0) from jobs where state = 'delivered'")[0]
    (used,) = process.rows(
        "select used from quota_counters where scope = 'channel' and unit = 'pictures' and span like 'month%'"
    )[0]
    extra = dict(process.rows("select subject_id, granted from quota_counters where granted > 0"))
    shown = [text(message) for message in discord.world.shown() if is_grid(message)]
    return {
        "lost": [wish.kind for wish in acknowledged if was_told(discord, wish.asked)],
        "not drawn": [wish.kind for wish in drawn if delivered.get(wish.asked.id, (0, 0))[1] != 1],
        "doubled": [str(key) for key, (total, _) in delivered.items() if total > 1],
        "shown twice": ["grid"] * max(0, len(shown) - sum(well for _, well in delivered.values())),
        "charged twice": [f"{used} for {due}"] if used != due else [],
        "granted twice": [str(user) for user, amount in extra.items() if amount != 7],
        "not granted": [str(u) for u, w in crowd.granted.items() if w.asked.acked_after and extra.get(u) != 7],
    }
