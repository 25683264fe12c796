"""Makes the README's picture of edits by a real run: `python -m tests.edit_picture`.

The whole bot with `pocket` on a simulated Discord. One picture, and what *Edit* makes of it by other words.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from PIL import Image

from bot.settings import Settings
from engine import EngineSettings
from tests.bot.whole import Whole, whole
from tests.evolve_picture import framed, picture

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "edits.webp"
PROMPT = "a red apple, 3d --seed 14"
EDITS = (
    "a green apple, 3d",
    "a red apple, 3d on a yellow background",
    "a tomato, 3d",
    "a purple apple, 3d on a pink background",
)
SIDE = 256


async def main() -> None:
    """Draw, edit, and write a row."""
    engine = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=600.0)
    with tempfile.TemporaryDirectory() as folder:
        async with whole(Settings(data_dir=Path(folder), engine=engine)) as bot:
            panels = await edited(bot)
    panels = [panel.resize((SIDE, panel.height * SIDE // panel.width), Image.Resampling.LANCZOS) for panel in panels]
    row = Image.new("RGB", (SIDE * len(panels), panels[0].height))
    for number, panel in enumerate(panels):
        row.paste(panel, (number * SIDE, 0))
    row.save(OUT, quality=85, method=6)
    print(f"{OUT.name}: {OUT.stat().st_size / 1024:.0f} kB")


async def edited(bot: Whole) -> list[Image.Image]:
    """The picture, then its edits, each a file that the bot posted."""
    _, grid = await bot.finished(await bot.ada.slash(bot.channel, "imagine", prompt=PROMPT))
    post = await bot.ada.click(grid, label="U2")
    assert post.response is not None
    source = bot.message(post.response.id)
    panels = [framed(picture(await source.attachments[0].read()), PROMPT.partition(" --")[0])]
    for words in EDITS:
        form = await bot.ada.click(source, label="Edit")
        _, shown = await bot.finished(await bot.ada.submit_modal(form, {"prompt": words}))
        panels.append(framed(picture(await shown.attachments[0].read()), words))
    return panels


if __name__ == "__main__":
    asyncio.run(main())
