"""An `/evolve` on the court's server: typed, agreed to, drawn, voted on and counted."""

from __future__ import annotations

import re
from typing import Any

from bot.domain.rounds.round import Round, RoundState
from engine.events import Finished, GeneratedImage, Safety
from tests.bot.court import Court, said
from tests.bot.scripted import COLOURS, png


class Evolve:
    """ada's evolution of three rounds; `draw` finishes what the engine was asked for."""

    def __init__(self, court: Court) -> None:
        self.court, self.drawn = court, 0
        self.plan: Any = None

    async def begin(self, *, rounds: int = 3, prompt: str = "a red fox") -> str:
        """Type the command and press Start; what is answered."""
        asked = await self.court.ada.slash(self.court.channel, "evolve", prompt=prompt, rounds=rounds, minutes=2)
        self.plan = asked.response
        assert said(asked)
        return said(await self.court.ada.click(self.plan, label="Start"))

    async def draw(self, *, score: float = 0.01) -> None:
        """Let the engine finish all requests, and the round be put to the vote."""
        await self.court.counted()
        jobs = await self.court.jobs.active()
        for _ in jobs:
            stream = await self.court.engine.stream(self.drawn)
            self.drawn += 1
            images = tuple(
                GeneratedImage(png(COLOURS[number]), 64, 64, stream.request.seed + number, Safety(score, ""))
                for number in range(stream.request.num_images)
            )
            stream.post(Finished(images=images, gpu_ms=100.0))
        for job in jobs:
            await self.court.job_service.wait(job.id)
        await self.court.counted()

    async def rounds(self) -> list[Round]:
        """All rounds so far."""
        round_id = re.findall("dr-round:s:([0-9a-f]+):", str(self.plan.components))[0]
        return await self.court.round_store.game(round_id)

    async def now(self) -> Round:
        """The newest round."""
        return (await self.rounds())[-1]

    async def paper(self) -> Any:
        """The newest round's message."""
        shown = await self.now()
        assert shown.message_id is not None
        return self.court.message(shown.message_id)

    async def press(self, actor: Any, label: str) -> str:
        return said(await actor.click(await self.paper(), label=label))

    async def decide(self, *letters: str) -> Round:
        """ada and bo vote for these, ada counts; the round that was decided."""
        for label in letters:
            for actor in (self.court.ada, self.court.bo):
                await self.press(actor, label)
        decided = await self.now()
        await self.press(self.court.ada, "Count now")
        await self.court.counted()
        over = await self.court.round_store.get(decided.id)
        if over.state is RoundState.DECIDED:  # the winner is upscaled
            await self.draw()
            over = await self.court.round_store.get(decided.id)
        assert over.state is RoundState.ENDED, over
        return over


def labels(message: Any) -> list[str]:
    """The labels of a message's buttons."""
    return [item.label for row in message.components for item in row.children]
