"""Makes the README's picture of an /evolve, from first grid to final, by a real run: `python -m tests.evolve_picture`.

The whole bot with `pocket` on a simulated Discord. ada and bo vote for the second picture, for bo's wild card, and for
a variation of it. Each frame is a file that the bot posted.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from bot.domain.rounds.evolution import Part, parts
from bot.settings import Settings
from bot.store.rounds.rounds import RoundStore
from engine import EngineSettings
from tests.bot.whole import Whole, whole

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "evolve.webp"
PROMPT = "a sunflower --seed 7"
LINE = "on a purple background"
SIDE, BAR = 512, 44
FRAME_MS, LAST_FRAME_MS = 2200, 4000
_BACK, _FORE = "#202225", "#f2f3f5"


async def main() -> None:
    """Play, and write an animated WebP."""
    engine = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=600.0)
    with tempfile.TemporaryDirectory() as folder:
        async with whole(Settings(data_dir=Path(folder), engine=engine)) as bot:
            frames = await played(bot)
    first, *others = frames
    durations = [FRAME_MS] * len(others) + [LAST_FRAME_MS]
    first.save(OUT, save_all=True, append_images=others, duration=durations, loop=0, quality=80, method=6)
    print(f"{OUT.name}: {len(frames)} frames, {OUT.stat().st_size / 1024:.0f} kB")


async def played(bot: Whole) -> list[Image.Image]:
    """The grid of each round, each outcome, and the upscaled picture."""
    plan = await bot.ada.slash(bot.channel, "evolve", prompt=PROMPT, rounds=3)
    await bot.ada.click(plan.response, label="Start")
    frames: list[Image.Image] = []
    for number in range(1, 4):
        paper = await until(bot, f"Round {number} of 3", "voted so far")
        grid = picture(await paper.attachments[0].read())
        frames.append(framed(grid, f"Round {number} of 3: which one goes on?"))
        if number == 1:
            form = await bot.bo.click(paper, label="Wild card")
            await bot.bo.submit_modal(form, {"prompt": LINE})
        label = await wanted(bot, paper.id, number)
        for member in (bot.ada, bot.bo):
            await member.click(paper, label=label)
        await bot.ada.click(paper, label="Count now")
        await until(bot, f"Round {number} of 3", "goes on (")
        frames.append(framed(marked(grid, "ABCD".index(label)), f"{label} goes on"))
    await until(bot, "[The upscaled picture](")
    last = bot.messages[-1]
    frames.append(framed(picture(await last.attachments[0].read()), "The winner, upscaled"))
    return frames


async def wanted(bot: Whole, message_id: int, number: int) -> str:
    """The letter to vote for: the second picture, then the wild card, then a variation."""
    shown = await RoundStore(bot.app.services.jobs._database).at_message(message_id)
    assert shown is not None
    place = 1 if number == 1 else parts(shown).index(Part.NEW if number == 2 else Part.VARIED)
    return "ABCD"[place]


async def until(bot: Whole, *words: str) -> Any:
    """The newest message with all these words, as soon as there is one."""
    async with asyncio.timeout(600.0):
        while True:
            for message in reversed(bot.messages):
                if all(word in message.content for word in words):
                    return message
            await asyncio.sleep(0.05)


def picture(content: bytes) -> Image.Image:
    """A posted file."""
    return Image.open(io.BytesIO(content)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def marked(grid: Image.Image, slot: int) -> Image.Image:
    """The grid with its winner bright and the others dark."""
    dark = Image.blend(grid, Image.new("RGB", grid.size, _BACK), 0.65)
    half = SIDE // 2
    box = (slot % 2 * half, slot // 2 * half, slot % 2 * half + half, slot // 2 * half + half)
    dark.paste(grid.crop(box), box)
    return dark


def framed(shown: Image.Image, caption: str) -> Image.Image:
    """One frame with a line below it."""
    frame = Image.new("RGB", (SIDE, SIDE + BAR), _BACK)
    frame.paste(shown, (0, 0))
    place, font = (SIDE // 2, SIDE + BAR // 2), ImageFont.load_default(22)
    ImageDraw.Draw(frame).text(place, caption, _FORE, font, anchor="mm")
    return frame


if __name__ == "__main__":
    asyncio.run(main())
