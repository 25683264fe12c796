"""A channel that plays: the simulated server with games on it, whose pictures a script draws."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

from bot.domain.games.any_game import AnyGame
from engine import encode_png
from engine.events import Finished, GeneratedImage, Safety
from tests.bot.court import Court, said
from tests.bot.one_message import newest_in
from tests.bot.scripted import COLOURS

_OF_A_GAME = re.compile("Bluff|Telephone|[Cc]hain|corpse|[Ff]igure")


class Table(Court):
    """ada, bo, ria and mo play."""

    async def start(self) -> None:
        await super().start()
        self.began = self.now()

    async def lead(self, *, after_s: float = 0.0) -> None:
        """Let time pass; what is due is done."""
        if after_s:
            await self.env.advance_time(after_s)
        await asyncio.create_task(self.conductor.turn(self.began), context=self.context)

    async def game(self) -> AnyGame:
        found = await self.game_store.in_channel(self.channel.id)
        assert found is not None
        return found

    @property
    def board(self) -> Any:
        """The newest message of the game."""
        return newest_in(self.env, self.channel, _OF_A_GAME.search)

    async def press(self, actor: Any, label: str) -> str:
        return said(await actor.click(self.board, label=label))

    async def write(self, actor: Any, label: str, text: str, *, at: Any = None) -> str:
        form = await actor.click(at or self.board, label=label)
        assert form.modal is not None, form.response
        return said(await actor.submit_modal(form, {"prompt": text}))

    async def lobby(self, command: str = "bluff", players: Sequence[Any] = (), **options: Any) -> None:
        """Open a game of ada's, join, and start."""
        await self.ada.slash(self.channel, command, **options)
        await self.lead()
        for player in players or (self.bo, self.ria):
            await self.press(player, "Join")
        await self.press(self.ada, "Start")
        await self.lead()

    async def drawn_all(self, count: int = 1) -> None:
        """Draw what the game asked for, each picture with its recipe in the file."""
        await self.lead()
        for number in range(self.drawn, self.drawn + count):
            stream = await self.engine.stream(number)
            picture = _with_recipe(COLOURS[number % len(COLOURS)], stream.request.prompt)
            image = GeneratedImage(picture, 64, 64, stream.request.seed, Safety(0.01))
            stream.post(Finished(images=(image,), gpu_ms=800.0))
        self.drawn += count
        for job in await self.jobs.unfinished():
            await self.job_service.wait(job.id)
        await self.lead()

    @property
    def buttons(self) -> list[str]:
        return [str(item.label) for row in self.board.components for item in row.children if hasattr(item, "label")]

    @property
    def menu(self) -> dict[str, str]:
        """What can be guessed: the text by its value."""
        (menu,) = [item for row in self.board.components for item in row.children if hasattr(item, "options")]
        return {option.value: re.sub(r"^\d+\. ", "", option.label) for option in menu.options}

    async def guess(self, actor: Any, text: str) -> str:
        value = next(value for value, label in self.menu.items() if label == text)
        return said(await actor.select(self.board, [value]))


def _with_recipe(colour: str, prompt: str) -> bytes:
    return encode_png(Image.new("RGB", (64, 64), colour), {"parameters": prompt})
